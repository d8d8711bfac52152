"""The rule on what capture really sends: PostgreSQL 18 and MariaDB 10.11 by Debezium, recorded from a sample of three tables.

`recorded/*.jsonl.gz`: each line a message, `{"partition", "value"}`, in the order of its partition; the last line `{"rows"}`, what
stood in the database in the end. Made by us in November 2026 with Debezium 3.6.1; of the source blocks only what the join may look
at is kept.

situations                  a snapshot with two transactions in flight; interleaved transactions; a key deleted and inserted again;
                            keys and visits of rows changed; a table truncated; a COPY; a snapshot of a table on an existing slot
restarts_and_a_new_server   some rows of a course of 19,496 messages: restarts of capture under load, the slot dropped, a new
                            server whose log begins lower, a snapshot after each
mariadb_situations          with Debezium 3.5.0: a snapshot with a transaction in flight; interleaved transactions; keys and visits
                            of rows changed, many keys by one statement; a key deleted and inserted again; the log's file changed;
                            a column added; a table truncated; two snapshots on demand
sqlserver_written           not recorded, as the next: written from what Debezium documents (`written.py`)
oracle_written              likewise
mariadb_kills               some rows of a course of 29,688 messages: transactions of 2,900 changes, capture killed or restarted in
                            the middle of each, 11,307 changes sent again
"""

import gzip
import json
import random
from collections import Counter
from functools import cache
from pathlib import Path

import orjson
import pytest

from connector.contract import TableRole
from streams.domain.again import again
from streams.domain.changes import Truncated, decode
from streams.domain.join.placing import place, stored
from streams.domain.keys import VisitKey
from streams.domain.normalise.record import TableRule
from tests.unit.streams.domain.join.written import Oracle, SqlServer, course

RECORDED = Path(__file__).parent / "recorded"
POSTGRESQL = {"jz": "jzlsh xm n", "js": "jsdh jzlsh je n", "fy": "mxid jzlsh jsdh je n note"}
MARIADB = {"jz": "jzlsh xm n", "js": "jsdh jzlsh je", "fy": "mxid jzlsh jsdh je bz"}
ROLES = {"jz": TableRole.VISIT, "js": TableRole.SETTLEMENT, "fy": TableRole.FEE}


def rules_of(name):
    """The tables of a recording, as the join knows them."""
    return {
        f"his.{table}": TableRule(
            name=f"his.{table}",
            role=ROLES[table],
            key=(columns.split()[0],),
            visit_key=VisitKey(("jzlsh",)),
            settlement_link=None,
            columns=frozenset(columns.split()),
        )
        for table, columns in (POSTGRESQL if name in ("situations", "restarts_and_a_new_server") else MARIADB).items()
    }


WRITTEN = {"sqlserver_written": SqlServer, "oracle_written": Oracle}
NEW_SERVER_SINCE = 1_795_881_300_000_000
"""Between the last commit of the old server and the first of the new (microseconds)."""
REPEATED = {
    "situations": 0,
    "restarts_and_a_new_server": 92,
    "mariadb_situations": 0,
    "mariadb_kills": 386,
    "sqlserver_written": 52,
    "oracle_written": 52,
}
"""Of each recording: how many changes were sent again."""


@cache
def recorded(name):
    """The messages by partition, as values; and the rows of the database by table, visit and key."""
    if name in WRITTEN:
        messages, stands = course(WRITTEN[name])
        return {0: messages}, {
            (f"his.{table}", row["jzlsh"], f"{key}"): {name: None if v is None else f"{v}" for name, v in row.items()}
            for (table, key), row in stands.items()
        }
    with gzip.open(RECORDED / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        *messages, last = map(json.loads, lines)
    parts = {}
    for message in messages:
        parts.setdefault(message["partition"], []).append(message["value"])
    rows, rules = {}, rules_of(name)
    for where, row in last["rows"].items():
        table, _ = json.loads(where)
        rows[table, row["jzlsh"], f"{row[rules[table].key[0]]}"] = {name: None if v is None else f"{v}" for name, v in row.items()}
    return parts, rows


class Folded:
    """One partition, folded with the product's decoding, placing and rule."""

    def __init__(self, name):
        self.rules = rules_of(name)
        self.rows = {}
        self.known = 0
        self.offset = 0

    def take(self, value):
        """Whether it was folded, and not known as a repetition."""
        self.offset += 1
        change = decode(orjson.dumps(value))
        if isinstance(change, Truncated):
            return True  # told to a person, and folded by none
        rule = self.rules[change.table]
        visit, key = place(change, rule)
        where = (change.table, visit.decode(), *key)
        before = self.rows.get(where)
        if before is not None and again(change.mark, before.mark):
            self.known += 1
            return False
        self.rows[where] = stored(change, rule, key=key, before=before, offset=self.offset)
        return True

    def alive(self):
        return {where: row.columns for where, row in self.rows.items() if not row.deleted}


def identity(value):
    """What is the same when capture sends a change again; a row that is read has none."""
    return None if value["op"] == "r" else json.dumps([value["source"], value["before"], value["after"], value["op"]])


@pytest.mark.parametrize("name", REPEATED)
def test_what_the_database_holds_is_what_was_folded(name):
    """Every row of it, with the content that it has there; of no position was it said that it is too old."""
    parts, rows = recorded(name)
    folded = {}
    for values in parts.values():
        part = Folded(name)
        for value in values:
            part.take(value)
        folded |= part.alive()
    assert rows == {where: columns for where, columns in folded.items() if where in rows}
    left = Counter(table for table, *_ in folded.keys() - rows.keys())
    # What a truncate emptied, and what was deleted while nobody read the log: no change tells it.
    gone = {"restarts_and_a_new_server": {"his.fy", "his.jz", "his.js"}, "mariadb_kills": set()}
    assert gone.get(name, {"his.js"}) >= left.keys()


@pytest.mark.parametrize("name", REPEATED)
def test_only_what_capture_sent_again_is_known(name):
    """A change that is taken for a repetition is lost; a repetition that is taken for new reports the older content once more."""
    parts, _ = recorded(name)
    verdicts = Counter()
    for values in parts.values():
        part, seen = Folded(name), set()
        for value in values:
            who = identity(value)
            repeated = who is not None and who in seen
            seen.add(who)
            verdicts[repeated, part.take(value)] += 1
    assert {(False, True), *([(True, False)] if REPEATED[name] else [])} == verdicts.keys()
    assert REPEATED[name] == verdicts[True, False]


@pytest.mark.parametrize("name", REPEATED)
def test_whatever_suffix_is_sent_again_changes_nothing(name):
    """Capture goes on at the start of a transaction, and the rule does not rely on it. What was read is never sent again, and
    neither is what another server logged.
    """
    parts, _ = recorded(name)
    chance = random.Random(7)
    for values in parts.values():
        for _ in range(8):
            end = chance.randrange(1, len(values) + 1)
            begin = max(0, end - chance.choice((1, 3, 20, 300)))
            part = Folded(name)
            for value in values[:end]:
                part.take(value)
            rows, known = dict(part.rows), part.known
            logged = [
                value
                for value in values[begin:end]
                if value["op"] in "cud" and on_new_server(value) == on_new_server(values[end - 1])
            ]
            for value in logged:
                part.take(value)
            assert (rows, len(logged)) == (part.rows, part.known - known)


def on_new_server(value):
    return value["source"]["ts_us"] >= NEW_SERVER_SINCE

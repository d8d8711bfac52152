"""The rows of lookup tables: what a worker knows of them after changes, truncates, and what capture sends again."""

import orjson
import pytest

from streams.domain.changes import Incoming
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.telemetry.outcomes import Outcomes


def written(offset, op, code=None, *, name="外科", at=None, tx=None):
    """at: its place in the database's log, by default the offset. tx: its transaction, whose commit has that time."""
    row = {"code": code, "name": name}
    place = offset if at is None else at
    block = {"connector": "postgresql", "name": "his", "schema": "his", "table": "dept", "ts_ms": tx or 1, "lsn": place, "txId": tx}
    envelope = {
        "op": op,
        "source": block,
        "before": row if op == "d" else None,
        "after": None if op in "td" else row,
    }
    return Incoming(
        topic="lookup.dept", partition=0, offset=offset, key=b"k", value=orjson.dumps(envelope), headers=(), timestamp_ms=1
    )


def tables():
    return LookupTables(None, {"lookup.dept": LookupTable(name="dept", key=("code",))}, outcomes=Outcomes("join"))


def named(known, code):
    row = known.find("dept", (code,))
    return row and row["name"]


def test_the_rows_of_a_truncated_table_are_forgotten():
    """A catalogue that is truncated and filled anew must not go on giving records the names of before."""
    known = tables()
    known.take([written(0, "c", "1"), written(1, "c", "2"), written(2, "t"), written(3, "c", "2", name="骨科")])
    assert (None, "骨科") == (named(known, "1"), named(known, "2"))


@pytest.mark.parametrize(("key", "asked"), [("12  ", "12"), ("12", "12    "), ("12 ", "12   ")])
def test_a_row_is_found_whatever_blanks_fill_its_key_or_what_asks_for_it(key, asked):
    """A `char(4)` is captured with its blanks, and the database that joins it with a `varchar` does not count them: each record
    would wait for a row that is there.
    """
    known = tables()
    known.take([written(0, "c", key)])
    assert "外科" == named(known, asked)
    known.take([written(1, "u", key, name="骨科")])
    assert "骨科" == named(known, asked)
    known.take([written(2, "d", key, name="骨科")])
    assert None is named(known, asked)


def test_keys_that_differ_in_blanks_alone_are_two_and_whoever_asks_otherwise_waits():
    """In a `varchar` they may be two rows, and what has neither key names both."""
    known = tables()
    known.take([written(0, "c", "12"), written(1, "c", "12 ", name="骨科")])
    assert ("外科", "骨科") == (named(known, "12"), named(known, "12 "))
    assert {} == known.find("dept", ("12  ",))


def test_an_older_value_that_is_sent_again_does_not_replace_the_newer():
    """Until the newer came again, every record of that department would be corrected to the old name, and then back."""
    known = tables()
    known.take([written(0, "c", "1", name="外科"), written(1, "u", "1", name="骨科"), written(2, "c", "2"), written(3, "d", "2")])
    seen = []
    for again in (written(4, "c", "1", at=0), written(5, "u", "1", name="骨科", at=1), written(6, "c", "2", at=2)):
        known.take([again])
        seen.append((named(known, "1"), named(known, "2")))
    assert [("骨科", None)] * 3 == seen


def test_a_worker_that_begins_while_values_are_sent_again_has_the_newer_when_all_came():
    """Compaction leaves it only the repetitions. The older value lives until the newer comes, which is sent right behind it."""
    known = tables()
    known.take([written(4, "c", "1", name="外科", at=0)])
    assert "外科" == named(known, "1")
    known.take([written(5, "u", "1", name="骨科", at=1)])
    assert "骨科" == named(known, "1")


def test_a_truncate_that_is_sent_again_takes_away_nothing_that_came_after_it():
    """What came after it is a repetition when it is sent again, too, and would be missing for ever."""
    known = tables()
    known.take([written(0, "c", "1"), written(1, "t"), written(2, "c", "2")])
    known.take([written(3, "c", "1", at=0), written(4, "t", at=1)])
    assert (None, "外科") == (named(known, "1"), named(known, "2"))


def test_a_row_that_is_read_again_counts():
    """A snapshot on demand mends what was changed while capture was blind."""
    known = tables()
    known.take([written(9, "u", "1"), written(10, "r", "1", name="骨科", at=5)])
    assert "骨科" == named(known, "1")


def test_what_another_server_changes_counts_although_its_log_begins_lower():
    """A backup was restored, or a standby took over whose clock is behind: it read its rows anew, but a row that it did not have
    then came later. Every visit of that department would be reported with the name of before, until its clock had caught up.
    """
    known = tables()
    known.take([written(900, "u", "1"), written(901, "u", "2")])
    known.take([written(902, "r", "1", at=20)])
    known.take([written(903, "u", "1", name="骨科", at=21), written(904, "c", "2", name="骨科", at=22)])
    assert ("骨科", "骨科") == (named(known, "1"), named(known, "2"))


EXCHANGE = (
    written(11, "d", "1", name="外科", at=20, tx=7),
    written(12, "c", "2", name="外科", at=20, tx=7),
    written(13, "d", "2", name="骨科", at=21, tx=7),
    written(14, "c", "1", name="骨科", at=21, tx=7),
)
"""One statement: departments 1 and 2 exchange their numbers."""


@pytest.mark.parametrize("compacted", [0, 1])
def test_rows_that_exchange_their_keys_in_one_statement_are_both_there(compacted):
    """The delete of the row that had the key before comes behind the row that has it now. Taken for that one, every visit of the
    department would wait for a row that stands in the database. compacted: whether the row that was there is in the topic no more.
    """
    known = tables()
    known.take([written(9, "c", "1", name="外科"), written(10, "c", "2", name="骨科")][: 2 - compacted])
    for _ in range(2):  # and when capture sends it again
        known.take(EXCHANGE)
        assert ("骨科", "外科") == (named(known, "1"), named(known, "2"))
    known.take([written(20, "d", "2", name="外科", at=30, tx=8)])
    assert None is named(known, "2")


def test_that_the_topic_may_not_keep_an_exchanged_key_is_said_once_a_statement(capsys):
    """Compaction keeps the delete, which came last: a worker that starts later needs the table to be read again."""
    known = tables()
    known.take([written(1, "c", "1"), written(2, "c", "2", name="骨科"), *EXCHANGE, *EXCHANGE])
    assert 1 == capsys.readouterr().out.count("lookup_keys_exchanged")


@pytest.mark.parametrize("said", ["骨科", None])
def test_a_row_that_one_transaction_changes_and_deletes_is_gone(said):
    """Also where the log says the key alone of a row that is deleted, as it may of a lookup."""
    known = tables()
    known.take([written(1, "c", "1"), written(2, "u", "1", name="骨科", tx=7), written(3, "d", "1", name=said, tx=7)])
    assert None is named(known, "1")

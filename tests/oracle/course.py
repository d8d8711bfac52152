"""A random course of a database and of the capture that reads it, as the messages that reach the join.

Capture reads the log behind the database, in the order of the commits; makes a first snapshot, once or (interrupted) twice, with
transactions in flight; reads tables on demand ahead of the log; goes blind for a while and starts anew; goes on with another
server; and after every crash sends again any suffix of what it sent since its last start.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.oracle.database import (
    BILL,
    CHARGE,
    ITEM,
    KEY_OF,
    MANY,
    NAMED_ITEM,
    NUMBERED_ITEM,
    OTHER_BILL,
    PATIENT,
    PATIENTS,
    REGISTER,
    ROWS,
    SETTLE,
    TWICE,
    VISIT,
    Change,
    Database,
    Row,
    Where,
    counts,
    numbers,
)
from tests.oracle.features import KEPT, Features
from tests.oracle.messages import Kind, Message, envelope
from tests.oracle.writing import write

SOON_MS: Final = 1_500
"""More than a row waits for a part that should be there."""
LONG_MS: Final = 61 * 86_400_000
"""More than a row waits for a settlement."""
BEHIND_US: Final = (0, 2_000, 3_600_000_000)
"""By how much another server's clock may be behind."""


@dataclass(slots=True, kw_only=True)
class Course:
    """What happened, and what the database holds in the end."""

    messages: list[Message] = field(default_factory=list)
    rows: dict[Where, Row] = field(default_factory=dict)
    absent: set[Where] = field(default_factory=set)
    """Rows that a transaction deleted, and did not insert again."""
    without: set[str] = field(default_factory=set)
    """Numbers that no row had any more when a transaction had ended, also those that it had only given meanwhile."""


def course(seed: int, features: Features = KEPT, *, acts: int = 34) -> Course:
    """The course of this seed: the same one each time."""
    return _Writer(Random(seed), features).course(acts)


class _Writer:
    def __init__(self, rng: Random, features: Features) -> None:
        self._rng = rng
        self._features = features
        self._database = Database(rng)
        if features.rows_uncount:
            self._database.states = Random(rng.random())
            self._database.logs_before = True
        self._told = Course()
        self._now = 1_714_700_100_000
        self._sent = 0
        self._compared: set[str] = set()
        """Tables that were read whole since capture was blind."""
        self._lookups_change = features.lookups_change or rng.random() < 0.2
        # Few rows, so that they meet.
        self._rows = MANY if features.several_candidates and rng.random() < 0.25 else ROWS
        if self._rows is ROWS and features.rows_collide and rng.random() < 0.3:
            self._rows = TWICE

    def course(self, acts: int) -> Course:
        self._begin()
        weights = {
            self._write: 14,
            self._commit: 8,
            self._roll_back: 0.5,
            self._stream_some: 7,
            self._crash: 2,
            self._read_on_demand: 1.5,
            self._tell_absent: 1.5,
            self._tick: 1,
            self._change_worker: 0.7,
            self._go_blind: 0.4,
            self._change_server: 0.3,
        }
        if not self._features.read_anew:
            weights = {act: weight for act, weight in weights.items() if act not in self._ahead}
        for act in self._rng.choices([*weights], [*weights.values()], k=acts):
            act()
        self._end()
        return self._told

    # The database

    @property
    def _ahead(self) -> list[Callable[[], None]]:
        return [self._read_on_demand, self._tell_absent, self._go_blind, self._change_server]

    def _write(self, *, blind: bool = False) -> None:
        database, rng = self._database, self._rng
        fresh = not database.open or (len(database.open) < 3 and rng.random() < 0.4)
        transaction = database.begin() if fresh else rng.choice(database.open)
        for _ in range(rng.randint(1, 3)):
            where = rng.choice(PATIENTS) if rng.random() < 0.15 else rng.choice(self._rows)
            deletes = not blind or self._features.deletes_while_blind
            write(
                database,
                transaction,
                where,
                features=self._features,
                deletes=deletes,
                lookups=self._lookups_change,
                by_night=self._rows is TWICE,
            )

    def _commit(self) -> None:
        if self._database.open:
            transaction = self._rng.choice(self._database.open)
            wrote = [((table, row[KEY_OF[table]]), row) for _, table, row, _, _, _ in transaction.changes]
            before = numbers((*self._database.rows.items(), *wrote))
            self._database.commit(transaction)
            self._told.absent |= {where for where, row in transaction.rows.items() if not counts(row)}
            self._told.without |= before - numbers((where, row) for where, row in self._database.rows.items() if counts(row))

    def _roll_back(self) -> None:
        if self._database.open:
            self._database.roll_back(self._database.open[-1])

    def _work(self, times: int, *, blind: bool = False) -> None:
        for _ in range(times):
            self._write(blind=blind)
            if self._rng.random() < 0.6:
                self._commit()

    # Capture

    def _begin(self) -> None:
        self._work(self._rng.randint(0, 5))
        self._start_log()
        if self._rng.random() < 0.3 and self._features.read_anew:
            self._snapshot(upto=self._rng.randint(0, 6))
            self._work(self._rng.randint(1, 4))
        self._snapshot()

    def _start_log(self) -> None:
        """A slot is made: transactions that commit from now on are read, also what they wrote before."""
        self._database.log.clear()
        self._sent = 0

    def _snapshot(self, upto: int | None = None) -> None:
        rows = [*self._database.rows.items()]
        for where, row in rows[:upto]:
            self._read(where, row, lsn=self._database.lsn)

    def _stream(self, most: int | None = None) -> None:
        for change in self._database.log[self._sent :][:most]:
            self._send(change)
            self._sent += 1

    def _stream_some(self) -> None:
        self._stream(self._rng.randint(1, 8))

    def _crash(self) -> None:
        """Capture starts again, perhaps several times before it is through."""
        begin = self._rng.randint(0, self._sent)
        while self._rng.random() < 0.25:
            end = self._rng.randint(begin, self._sent)
            self._send_again(begin, end)
            begin = self._rng.randint(0, end)
        self._send_again(begin, self._sent)

    def _send_again(self, begin: int, end: int) -> None:
        for change in self._database.log[begin:end]:
            self._send(change, repeated=True)

    def _read_on_demand(self) -> None:
        table = self._rng.choice((VISIT, SETTLE, CHARGE, CHARGE, PATIENT, REGISTER, BILL, ITEM))
        if self._rows is TWICE:
            table = self._rng.choice((OTHER_BILL, ITEM, NAMED_ITEM, NUMBERED_ITEM))
        seen: list[tuple[str, str]] = []
        for where, row in [*self._database.rows.items()]:
            if where[0] == table:
                self._read(where, row, lsn=None)
                seen += [(where[1], row["visit_id"])] if table != PATIENT else []
                if self._rng.random() < 0.2:
                    came = self._database.log[self._sent :][:1]
                    self._stream(1)
                    seen += [(one.row[KEY_OF[table]], one.row["visit_id"]) for one in came if one.table == table != PATIENT]
        if table != PATIENT and self._features.deletes_while_blind and self._rng.random() < 0.5:
            self._compare(table, seen)

    def _compare_all(self) -> None:
        """What an operator does after capture was blind. All that stands in the database was read just now."""
        for table in [one for one in KEY_OF if one != PATIENT] if self._features.deletes_while_blind else ():
            rows = self._database.rows.items()
            self._compare(table, [(key, row["visit_id"]) for (of, key), row in rows if of == table])
            if self._rng.random() < 0.5:
                self._tell_absent()

    def _compare(self, table: str, seen: Sequence[tuple[str, str]]) -> None:
        self._compared.add(table)
        self._told.messages.append(Message(kind=Kind.COMPARED, at=self._now, table=table, seen=tuple(seen)))

    def _tell_absent(self) -> None:
        self._database.unseen = {where for where in self._database.unseen if where[0] not in self._compared}
        self._say(Kind.ABSENT)

    def _go_blind(self) -> None:
        """What commits meanwhile is never read; then capture begins with a new slot and a full snapshot."""
        self._stream()
        if not self._features.deletes_while_blind:
            for transaction in [one for one in self._database.open if one.removes]:
                self._database.roll_back(transaction)
        before = {*self._database.rows}
        self._work(self._rng.randint(1, 4), blind=True)
        self._database.unseen |= before - self._database.rows.keys()
        self._compared.clear()
        self._start_log()
        self._snapshot()
        self._compare_all()

    def _change_server(self) -> None:
        self._stream()
        self._database.move_to_another_server(behind_us=self._rng.choice(BEHIND_US) if self._features.servers_clocks_differ else 0)
        for _ in range(self._rng.randint(0, 2)):
            self._write(blind=True)
        self._start_log()
        self._snapshot()
        self._compare_all()

    def _end(self) -> None:
        while self._database.open:
            self._commit()
        self._stream()
        self._tell_absent()
        if self._lookups_change and not self._features.lookups_change:
            # Records follow a lookup row only when their own rows come again.
            for where, row in self._database.rows.items():
                if where[0] in (VISIT, SETTLE):
                    self._read(where, row, lsn=None)
        for later_ms in (0, LONG_MS, LONG_MS, LONG_MS):
            self._say(Kind.TICK, later_ms=later_ms)
        self._told.rows = {where: row for where, row in self._database.rows.items() if counts(row)}

    # Messages

    def _tick(self) -> None:
        self._say(Kind.TICK, later_ms=self._rng.choice((0, 200, SOON_MS)))

    def _change_worker(self) -> None:
        self._say(Kind.WORKER)

    def _send(self, change: Change, *, repeated: bool = False) -> None:
        kind = Kind.LOOKUP if change.table == PATIENT else Kind.ROW
        place = {"lsn": change.lsn, "ts_us": change.ts_us, "snapshot": "false", "transaction": change.transaction}
        value = envelope(change.op, change.table, change.row, before=change.before, **place)
        came, stays = change.op != "d" and counts(change.row), counts(change.was)
        otherwise = value if came and (stays or change.op == "c") else None
        if stays and not came:
            otherwise = envelope("d", change.table, change.was or {}, **place)
        elif came and not stays and change.op == "u":
            otherwise = envelope("c", change.table, change.row, **place)
        self._say(kind, value, repeated=repeated, otherwise=otherwise)

    def _read(self, where: Where, row: Row, *, lsn: int | None) -> None:
        kind = Kind.LOOKUP if where[0] == PATIENT else Kind.ROW
        snapshot = "incremental" if lsn is None else "true"
        value = envelope("r", where[0], row, lsn=lsn, ts_us=self._database.latest_us, snapshot=snapshot)
        self._say(kind, value, otherwise=value if counts(row) else None)

    def _say(
        self, kind: Kind, value: bytes | None = None, *, repeated: bool = False, later_ms: int = 3, otherwise: bytes | None = None
    ) -> None:
        self._now += later_ms
        server = self._database.server
        message = Message(kind=kind, at=self._now, value=value, repeated=repeated, server=server, otherwise=otherwise)
        self._told.messages.append(message)

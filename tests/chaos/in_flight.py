"""A hospital that works while capture begins: transactions that are open together, so that some of them have written before the
first snapshot and commit after it. They come from the log with lower places than the rows that the snapshot read.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import psycopg

from sandbox.hospital import Transaction, Verb
from tests.chaos.rearranged import play

_TOGETHER: Final = 6
_OPEN_S: Final = (0.3, 2.0)
"""So long a transaction stays open."""
_POLL_S: Final = 0.05
_SLOT = "SELECT confirmed_flush_lsn IS NOT NULL FROM pg_replication_slots WHERE slot_name = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """One transaction that has written and is not committed."""

    number: int
    transaction: Transaction
    link: psycopg.Connection
    touches: frozenset[tuple[str, object]]
    due: float


class Mended:
    """Rows that were mended, deleted or became wrong before capture's first reading was through: nobody knows whether it saw them
    as they were. service_of: the service of each table's records.
    """

    def __init__(self, service_of: Mapping[str, str]) -> None:
        self.unread: set[tuple[str, str]] = set()
        """Those that were wrong, by service and row key."""
        self.spoilt: set[tuple[str, str]] = set()
        """Those that were right, likewise."""
        self._service_of = service_of
        self._flawed: set[tuple[str, str]] = set()
        self._reads_all = False

    def take(self, transaction: Transaction) -> None:
        """What was committed."""
        for change in transaction.changes:
            if self._reads_all or change.table.name not in self._service_of:
                continue
            row = self._service_of[change.table.name], f"{change.key if change.was is None else change.was}"
            if row in self._flawed and (change.flaw is None or change.verb is Verb.DELETE):
                self._flawed.remove(row)
                self.unread.add(row)
            elif change.flaw is not None:
                if change.verb is Verb.UPDATE and row not in self._flawed:
                    self.spoilt.add(row)
                self._flawed.add(row)

    def capture_reads_all(self) -> None:
        """From now on nothing is missed."""
        self._reads_all = True


class Overlapping:
    """Plays transactions, several at a time. follow: told of each after its commit. Two that touch one visit or row never overlap:
    they are committed in their order.
    """

    def __init__(
        self, where: str, transactions: Iterator[tuple[int, Transaction]], follow: Callable[[Transaction], None], *, slot: str
    ) -> None:
        self.in_flight = 0
        """How many were open when the slot had its place in the log."""
        self.error: BaseException | None = None
        self._where = where
        self._transactions = transactions
        self._follow = follow
        self._slot = slot
        self._open: list[_Open] = []
        self._rng = random.Random(slot)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="overlapping", daemon=True)

    def begin(self) -> None:
        """Begin to work."""
        self._thread.start()

    def end(self) -> None:
        """Commit what is open, and begin nothing more. Raises what went wrong."""
        self._over.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            with psycopg.connect(self._where, autocommit=True) as looking:
                while not self._over.is_set():
                    self._turn()
                    found = looking.execute(_SLOT, (self._slot,)).fetchone()
                    if not self.in_flight and found is not None and found[0]:
                        self.in_flight = len(self._open)
                    time.sleep(_POLL_S)
            self._commit(*self._open)
        except BaseException as exc:  # noqa: BLE001 - carried to the thread that waits
            self.error = exc
        finally:
            for one in self._open:
                one.link.close()

    def _turn(self) -> None:
        """Commit what is open long enough, and begin another one; what stands in its way is committed before."""
        now = time.monotonic()
        self._commit(*[one for one in self._open if one.due <= now])
        if len(self._open) < _TOGETHER and (following := next(self._transactions, None)) is not None:
            number, transaction = following
            touches = _touches(transaction)
            self._commit(*[one for one in self._open if one.touches & touches])
            link = psycopg.connect(self._where, options="-c lock_timeout=20s")
            play(link, transaction)
            due = now + self._rng.uniform(*_OPEN_S)
            self._open.append(_Open(number=number, transaction=transaction, link=link, touches=touches, due=due))

    def _commit(self, *those: _Open) -> None:
        for one in those:
            one.link.execute("UPDATE chaos.progress SET n = greatest(n, %s)", (one.number,))
            one.link.commit()
            one.link.close()
            self._open.remove(one)
            self._follow(one.transaction)


def _touches(transaction: Transaction) -> frozenset[tuple[str, object]]:
    """The rows and visits of a transaction."""
    rows = {(change.table.name, change.key) for change in transaction.changes}
    visits = {("visit", change.row[change.table.visit_key]) for change in transaction.changes if change.table.visit_key is not None}
    visits |= {("visit", change.left) for change in transaction.changes if change.left is not None}
    patients = {("patient", change.row["brid"]) for change in transaction.changes if "brid" in change.row}
    return frozenset(rows | visits | patients)

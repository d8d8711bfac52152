"""A kind of database into which this product does not look: everything that would be asked of it says so, and nothing says "none".

A capture is rendered, prepared and run all the same; what was not looked at is told wherever it would have been.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NoReturn

from connector.contract import CapturedTable, CaptureSource
from connector.errors import Unseen
from connector.facts import Facts
from connector.findings import Finding, Severity
from connector.numbers import Known, Numbers
from connector.questions import Counted, Groups, Links, Products, Sums
from connector.room import Room


class UnseenDatabase:
    """What stands in the profile of such a kind for all that is asked of a live database."""

    looks: ClassVar[bool] = False
    named: ClassVar[str]
    """The kind, as people call it, with its article."""
    page: ClassVar[str]
    """The page that says what was run of it."""
    unchecked: ClassVar[tuple[tuple[str, str], ...]]
    """What nobody checks here: where, and what a person checks instead."""

    def preflight(self, source: CaptureSource, *, password: str) -> tuple[Finding, ...]:
        """What was never run, and each check that is not made."""
        del password
        never = Finding(
            where=f"source {source.name}",
            what=f"is {self.named}: its capture was never run on a real server",
            mend=f"see {self.page}; try it beside the hospital's reports before it replaces them",
            severity=Severity.WARNS,
        )
        unchecked = (
            Finding(
                where=f"source {source.name}, {where}",
                what=f"is not looked at: this product does not log in to {self.named}",
                mend=mend.format(source=source.name),
                severity=Severity.WARNS,
            )
            for where, mend in self.unchecked
        )
        return (never, *unchecked)

    def _unseen(self, source: CaptureSource, what: str) -> NoReturn:
        raise Unseen(f"source {source.name}: {what}: this product does not log in to {self.named}; see {self.page}")

    def numbers_in_both(self, first: Numbers, second: Numbers, *, password: str) -> int | None:
        """Raises Unseen, as everything here."""
        del second, password
        self._unseen(first.source, "its numbers are not compared")

    def highest_numbers(self, numbers: Numbers, *, password: str) -> Known | None:
        """See above."""
        del password
        self._unseen(numbers.source, "its numbers are not compared")

    def numbers_among(self, numbers: Numbers, wanted: Sequence[str], *, password: str) -> Known | None:
        """See above."""
        del wanted, password
        self._unseen(numbers.source, "its numbers are not compared")

    def condition_of_keys(self, table: CapturedTable, keys: Sequence[str | tuple[str, ...]]) -> str:
        """See above."""
        del keys
        raise Unseen(f"table {table.name}: no row of {self.named} is read again by its key; see {self.page}")

    def count_rows(self, source: CaptureSource, table: CapturedTable, *, where: str | None, password: str) -> int:
        """See above."""
        del where, password
        self._unseen(source, f"the rows of {table.name} are not counted, and no table is read again on demand")

    def read_keys(
        self, source: CaptureSource, table: CapturedTable, *, where: str | None, password: str
    ) -> Iterator[tuple[str, ...]]:
        """See above."""
        del where, password
        self._unseen(source, f"the keys of {table.name} are not read")

    def read_rows(
        self, source: CaptureSource, table: CapturedTable, *, where: Mapping[str, str], most: int, password: str
    ) -> list[dict[str, str | None]]:
        """See above."""
        del where, most, password
        self._unseen(source, f"no row of {table.name} is read")

    def count_groups(self, source: CaptureSource, asked: Groups, *, longest_s: int, password: str) -> Counted | None:
        """See above."""
        del longest_s, password
        self._unseen(source, f"{asked.table} is not counted")

    def count_dangling(self, source: CaptureSource, asked: Links, *, longest_s: int, password: str) -> int | None:
        """See above."""
        del longest_s, password
        self._unseen(source, f"{asked.table} is not counted")

    def count_otherwise(self, source: CaptureSource, asked: Products | Sums, *, longest_s: int, password: str) -> int | None:
        """See above."""
        del longest_s, password
        self._unseen(source, f"{asked.table} is not counted")

    def read_facts(self, source: CaptureSource, *, password: str) -> Facts:
        """See above."""
        del password
        self._unseen(source, "nobody looks whether it is still what its capture was applied against")

    def reader_of(self, source: CaptureSource, *, password: str) -> str | None:
        """Nobody that is known: who reads is asked of Connect alone."""
        del source, password
        return None

    def read_room(self, source: CaptureSource, *, password: str) -> Room:
        """Raises Unseen."""
        del password
        self._unseen(source, "its clock, its zone and its log are not looked at")

    def give_up(self, source: CaptureSource, *, password: str) -> bool:
        """Nothing is kept for a capture: the server removes what it has by its own settings."""
        del source, password
        return True

"""What capture needs to know of a kind of database: all that differs from kind to kind is behind this one interface."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from connector.contract import CapturedTable, CaptureSource
from connector.facts import Facts
from connector.findings import Finding
from connector.numbers import Known, Numbers
from connector.preparation import Step
from connector.profiles.advice import Advice
from connector.questions import Counted, Groups, Links, Products, Sums
from connector.room import Room


class DatabaseProfile(Protocol):
    """What one kind of database needs to be captured."""

    @property
    def connector_class(self) -> str:
        """The Java class of its Debezium connector; the last part is the plugin's name in Connect."""

    @property
    def plugin_is(self) -> str:
        """The files that are that plugin; continues a sentence that says where they belong."""

    @property
    def oldest_plugin(self) -> tuple[int, int, int]:
        """The first version of that connector that keeps what `contract` promises."""

    @property
    def harm_of_older(self) -> str:
        """What a version before it does; continues a sentence that begins with it."""

    @property
    def place(self) -> tuple[str, ...]:
        """The options that say where the log is read: two connectors that have the same values here are in each other's way."""

    @property
    def authorities(self) -> str:
        """What `connect_ca_file` must be for Debezium to read it; continues a sentence."""

    @property
    def looks(self) -> bool:
        """Whether this product logs in to such a database. Where not, what reads one raises Unseen, and `preflight` tells what is
        not checked.
        """

    @property
    def keeps_log(self) -> bool:
        """Whether the database keeps its log for a capture until that has read it, whatever its own settings are."""

    def advice(self, source: CaptureSource) -> Advice:
        """What is said to a person about a source."""

    def options(self, source: CaptureSource) -> Mapping[str, str]:
        """The options that only this kind has: login, log reader, position, snapshot."""

    def heartbeat_query(self, table: str) -> str:
        """The statement that moves the log forward while the captured tables are quiet."""

    def preparation(self, source: CaptureSource, *, connect_host: str) -> tuple[Step, ...]:
        """What the database's administrator does before. connect_host: from where logins come, where the kind wants to know."""

    def preflight(self, source: CaptureSource, *, password: str) -> tuple[Finding, ...]:
        """Everything in the live database that prevents capture or needs attention, all at once. Raises Unreachable."""

    def numbers_in_both(self, first: Numbers, second: Numbers, *, password: str) -> int | None:
        """How many numbers stand in two tables of one database for one institution, `MOST` at most; None where it took too long.
        Raises Unreachable, Misconfigured, as the next two.
        """

    def highest_numbers(self, numbers: Numbers, *, password: str) -> Known | None:
        """The `NEWEST` highest numbers of a table; None where it took too long."""

    def numbers_among(self, numbers: Numbers, wanted: Sequence[str], *, password: str) -> Known | None:
        """Those of these numbers that stand in a table; None where it took too long."""

    def condition_of_keys(self, table: CapturedTable, keys: Sequence[str | tuple[str, ...]]) -> str:
        """The rows with these keys, as a condition in SQL. Raises Misconfigured for what is no key of the table."""

    def count_rows(self, source: CaptureSource, table: CapturedTable, *, where: str | None, password: str) -> int:
        """How many rows the table has, of those that the condition leaves. Raises Misconfigured for a condition that the database
        does not understand, Unreachable, Refused.
        """

    def read_keys(
        self, source: CaptureSource, table: CapturedTable, *, where: str | None, password: str
    ) -> Iterator[tuple[str, ...]]:
        """The keys of the rows that the table has, of those that the condition leaves, in the words in which capture sends them.
        Raises as `count_rows`.
        """

    def read_rows(
        self, source: CaptureSource, table: CapturedTable, *, where: Mapping[str, str], most: int, password: str
    ) -> list[dict[str, str | None]]:
        """The captured columns of the rows in which these values stand, so many at most, in the words in which capture sends them.
        Raises Unreachable, Misconfigured, Refused.
        """

    def count_groups(self, source: CaptureSource, asked: Groups, *, longest_s: int, password: str) -> Counted | None:
        """What stands in the columns, in the words in which capture sends it, the most frequent first. None where it takes longer.
        Raises as `read_facts`.
        """

    def count_dangling(self, source: CaptureSource, asked: Links, *, longest_s: int, password: str) -> int | None:
        """How many rows name one that is not there. Rows that name nothing do not count. None where it takes longer. Raises as
        `read_facts`.
        """

    def count_otherwise(self, source: CaptureSource, asked: Products | Sums, *, longest_s: int, password: str) -> int | None:
        """How many rows have another amount than they should. None where that takes longer, or these are no numbers. Raises as
        `read_facts`.
        """

    def read_facts(self, source: CaptureSource, *, password: str) -> Facts:
        """What stands in the live database now of everything that capture relies on. Raises Unreachable, Misconfigured, Refused."""

    def reader_of(self, source: CaptureSource, *, password: str) -> str | None:
        """Who reads the log at this source's place now, as a person finds it; None while nobody does. Raises as `read_facts`."""

    def read_room(self, source: CaptureSource, *, password: str) -> Room:
        """What stands around this source's capture in the live database: connections, kept log, clock. Raises as `read_facts`."""

    def give_up(self, source: CaptureSource, *, password: str) -> bool:
        """Let the database drop the log that it keeps for this source; capture loses its place by that. Returns whether it is done:
        where not, it is to be tried again. Raises as `read_facts`.
        """

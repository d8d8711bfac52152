"""What a fold sees of a partition's state."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from connector.contract import TableRole
from streams.domain.join.stored import Item
from streams.domain.records import Lookups


class StateView(Protocol):
    """The state entries of one partition as the chunk in hand sees them: what is committed, overlaid by what the chunk changed."""

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        """The entries of one visit's rows by full state key."""

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        """The entries of a visit's rows of one role. (To find its visit, a fee line must not look through all lines of the
        visit.)
        """

    def entries_beside(self, key: bytes) -> Mapping[bytes, bytes]:
        """The entries of the group that a state key belongs to."""

    def get(self, key: bytes) -> bytes | None:
        """One entry by its full state key. (A stay of 5,000 lines is not read for one of them.)"""

    def lines_known(self, visit_key: bytes) -> int | None:
        """How many entries a visit's fee lines have, about; None where only looking at each would tell."""

    def holds_refunds(self, visit_key: bytes) -> bool:
        """Whether any fee line of a visit waits, or waited in vain, for the line that it takes back."""

    def refunds(self, visit_key: bytes, items: Collection[Item] | None = None) -> Collection[bytes]:
        """The keys of the entries of such lines, of these items or of what their entries do not say; of all items for None."""

    def lines_under(self, visit_key: bytes, settlement: str) -> Iterable[bytes]:
        """The keys of the entries of a visit's fee lines that name this settlement, perhaps with others. Asked only of tables whose
        lines name one.
        """

    def claims(self, visit_key: bytes, role: TableRole, claim: bytes) -> Iterable[bytes]:
        """The keys of the entries of a visit's rows of one role with this claim (`claims.claim_of`), perhaps with others that had
        it. Asked only of tables of which two rows can be one record.
        """

    def due(self, at: int, lookups: Lookups) -> Iterable[tuple[bytes, Collection[bytes]]]:
        """The keys of the visits with rows for which a tick at `at` (ms) has something to do, each with the keys of these rows'
        entries: their time is over, or what they waited for stands in a lookup now.
        """

    def moved(self) -> Iterable[bytes]:
        """The keys of the visits with a row that waits for a lane of another partition."""

    def visits_after(self, after: bytes, most: int) -> Sequence[bytes]:
        """The keys of the first visits behind this one, in the order of their bytes."""

    def gone(self, at: int) -> Iterable[bytes]:
        """The keys of the visits with a record that no row backs any more, for which a tick at `at` (ms) has something to do."""

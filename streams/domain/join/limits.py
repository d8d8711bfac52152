"""How long rows wait, and how much a tick does."""

from dataclasses import dataclass, field
from typing import Final

from streams.domain.join.parts import Part
from streams.domain.join.withdrawing import WithdrawalLimits

_UNSETTLED: Final = Part.UNSETTLED.value


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinLimits:
    """How long rows wait, and how much is done at once."""

    wait_ms: int
    """How long a row waits for a part that should already be there (ms)."""
    unsettled_wait_ms: int
    """How long it waits for a settlement still to be made (ms)."""
    withdrawals: WithdrawalLimits = field(default_factory=WithdrawalLimits)
    """When a person is told that a record has no row any more."""
    rows_a_tick: int = 1_000
    """For so many rows a tick does something, so that no transaction grows with what waits."""

    lines_a_change: int = 500
    """So many lines of a visit are built at once because their visit or settlement changed; ticks build the others, as many
    each.
    """
    few_lines: int = 32
    """Of a visit with more, what its lines charge is kept in sums (`streams.domain.join.ledger`) from its first refund on."""
    many_lines: int = 256
    """Of a visit with more, these sums are kept before: most visits have fewer lines and no refund, and need none."""

    def of(self, part: str) -> int:
        """How long a row waits for this part."""
        return self.unsettled_wait_ms if part == _UNSETTLED else self.wait_ms

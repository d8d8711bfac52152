"""The flood guard: are these bad records, or a fault of ours that would empty a hospital into the dead letters?"""

from dataclasses import dataclass

from streams.lanes.settings import FloodGuard


@dataclass(slots=True)
class Tally:
    """What became of the records of a portion of a plan so far."""

    accepted: int = 0
    """Records that the platform took."""
    refused: int = 0
    """Records that it refused, each by itself."""
    in_a_row: int = 0
    """Records refused since one was accepted, across portions and plans."""

    def accept(self, records: int) -> None:
        """Count accepted records."""
        self.accepted += records
        self.in_a_row = 0

    def refuse(self) -> None:
        """Count one refused record."""
        self.refused += 1
        self.in_a_row += 1


def verdict_of(tally: Tally, guard: FloodGuard, *, size: int) -> str:
    """Why the lane must be held now; `""` while it may go on. Ask it after each refusal, before any dead letter is written.

    size: records of the portion of a plan that is committed as one. The ratio counts refusals against all of them, decided or not:
    thirty bad lines of one visit that happen to stand first in a good plan are no flood.
    """
    if tally.refused >= guard.min_refused and tally.refused > guard.ratio * size:
        return f"{tally.refused} of {size} records of a plan were refused"
    if guard.in_a_row and tally.in_a_row >= guard.in_a_row:
        return f"{tally.in_a_row} records in a row were refused"
    return ""

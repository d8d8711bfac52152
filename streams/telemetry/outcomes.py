"""The one place where outcomes are counted. What may be counted stands in one table; anything else is an error of the program."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

DECLARED: Final[Mapping[str, str]] = {
    "transaction": "transactions committed",
    "read_back": "slow transactions that were read back before going on",
    "repeated": "records that came again and were dropped by their number",
    "placed": "rows and ticks that the place stage handed on, by outcome",
    "folded": "input records of the join that are committed",
    "fold": "what the join decided, by outcome",
    "emitted": "records handed to the deliver stage",
    "dead_letter": "dead letters written, by class",
    "letter_closed": "dead letters that closed by themselves, by what closed them",
    "accepted": "records that the platform accepted",
    "batch_accepted": "batches that the platform accepted",
    "batch_refused": "batches that the platform refused, before and after bisecting",
    "orphan": "records that belong to what the platform refused, and their parents, by what became of them",
    "answered": "requests that were sent, by what their answer meant",
    "answer_ms": "milliseconds that were waited for answers, in all",
    "retried": "tries whose outcome is unknown and that are repeated",
    "throttled": "tries that the platform asked to repeat later",
    "held": "tries while our or the platform's configuration is at fault",
    "aside": "institutions that were set aside in a partition, and that caught up",
    "plan": "plans finished",
    "plan_restored": "plans taken over from an earlier owner",
    "plan_withdrawn": "plans that were withdrawn because their records were made anew, and the platform has nothing of them",
    "lease_renewed": "ownerships confirmed before a late POST",
    "ticked": "ticks sent for rows that wait",
    "lookup": "changes of lookup rows taken in",
}


_OF_TICKS: Final = frozenset({"ticked", "transaction", "fold_tick", "placed_tick"})
"""What moves while nothing but time passes."""


class Outcomes:
    """Counts of one process, by name and one bounded label."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, name: str, amount: int = 1, *, label: str = "") -> None:
        """Add to one outcome. Raises KeyError for a name that is not declared."""
        if name not in DECLARED:
            raise KeyError(name)
        self._counts[name, label] += amount

    def of(self, name: str, label: str = "") -> int:
        """How often it happened."""
        return self._counts[name, label]

    def snapshot(self) -> dict[str, int]:
        """All counts so far, as `name` or `name_label`."""
        return {f"{name}_{label}" if label else name: amount for (name, label), amount in sorted(self._counts.items())}

    def beside_ticks(self) -> dict[str, int]:
        """What ticks alone do not move: one is folded and committed like a change, all through a quiet night."""
        counts = self.snapshot()
        counts["folded"] = counts.get("folded", 0) - counts.get("fold_tick", 0)
        return {name: amount for name, amount in counts.items() if amount and name not in _OF_TICKS}

"""What came of one scenario."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.chaos.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One scenario. struck: how many faults struck; a run that none struck proves nothing. notes: what a person should know."""

    name: str
    seed: int
    changes: int
    seconds: float
    drain_s: float
    verdict: Verdict
    struck: int
    exits: Mapping[str, int]
    acts: tuple[str, ...]
    notes: tuple[str, ...]
    too_slow: str = ""
    """What a fault of some institutions cost the others that is too much; `""` for nothing."""

    @property
    def ok(self) -> bool:
        return self.verdict.ok and not self.too_slow and (self.struck > 0 or self.name == "calm") and not self.hung

    @property
    def hung(self) -> bool:
        return any("hung" in how for how in self.exits)

    def document(self) -> dict[str, Any]:
        """As it stands in `build/chaos.json`."""
        verdict = self.verdict
        return {
            "name": self.name,
            "seed": self.seed,
            "changes": self.changes,
            "accepted": verdict.accepted,
            "lost": len(verdict.lost),
            "doubled": len(verdict.doubled),
            "out_of_order": len(verdict.out_of_order),
            "unexplained": len(verdict.unexplained),
            "dead_letters": verdict.dead_letters,
            "seconds": round(self.seconds, 1),
            "ok": self.ok,
            "amounts_differ": len(verdict.amounts),
            "struck": self.struck,
            "drain_s": round(self.drain_s, 1),
            "exits": dict(sorted(self.exits.items())),
            "acts": list(self.acts),
            "notes": list(self.notes),
            "too_slow": self.too_slow,
            "examples": verdict.examples,
        }

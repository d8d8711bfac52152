"""What waits in the join for its parts, counted by the index of its state: of all rows, by source and institution."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from streams.domain.validate.judge import SUMS
from streams.errors import Unreachable, YibaoError
from streams.explain.pending import Awaited, awaited
from streams.explain.remembered import differing
from streams.mapping import Site
from streams.wording import count_of
from yibao.explaining import logs_of
from yibao.lag.shown import age_s
from yibao.moments import span

WITHIN_S: Final = 3.0
"""So long one look reads on. An index that is behind by more is brought up to date look by look."""
_MOST_KINDS: Final = 3
"""In one line."""


class _Busy(YibaoError):
    """Another process reads on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartsWaiting:
    """What is known of it."""

    of: Sequence[Awaited] = ()
    """By source, institution and what it waits for; what waits longest first."""
    differing: Mapping[str, int] = field(default_factory=dict)
    """By source: how many settlements have lines that add up to something else than they say (rule R2)."""
    unknown: str = ""
    """Why not all of it is counted; `""` where it is."""

    @property
    def rows(self) -> int:
        """How many, in all."""
        return sum(one.rows for one in self.of)

    @property
    def oldest_ms(self) -> int | None:
        """Since when the first of them waits; None where none does."""
        return min((one.oldest for one in self.of), default=None)

    def only(self, *, sources: Collection[str] | None = None, institution: str = "") -> "PartsWaiting":
        """Of these sources and of this institution; None, `""`: of all."""
        return replace(
            self,
            of=[one for one in self.of if (sources is None or one.source in sources) and institution in ("", one.institution)],
            differing={source: count for source, count in self.differing.items() if sources is None or source in sources},
        )


NONE: Final = PartsWaiting()
"""Nothing waits."""


def parts_said(parts: PartsWaiting, *, now_ms: int) -> str:
    """How many rows wait, for what, and since when the oldest; `""` where none does."""
    if parts.oldest_ms is None:
        return ""
    kinds = Counter[str]()
    for one in parts.of:
        kinds[one.kind] += one.rows
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(_MOST_KINDS))
    more = ", …" if len(kinds) > _MOST_KINDS else ""
    rows, old = count_of(parts.rows, "row waits", "rows wait"), span(age_s(parts.oldest_ms, now_ms))
    return f"{rows} for parts, the oldest for {old}: {told}{more}"


def parts_waiting(site: Site, *, within_s: float = WITHIN_S) -> PartsWaiting:
    """Count it. What goes wrong with the index is told and no error: the rest is known without it. Raises Unreachable."""
    progress = [0, 0]

    def told(read: int, total: int) -> None:
        progress[:] = read, total

    def busy() -> None:
        raise _Busy("another yibao brings the index of visit.state up to date")

    try:
        logs = replace(logs_of(site, deadline_s=within_s), on_progress=lambda _topic: told, waits=busy)
        (found, differs), whole = logs.state_so_far(lambda index: (awaited(index), differing(index)))
    except Unreachable:
        raise
    except YibaoError as error:
        return PartsWaiting(unknown=f"{error}")
    read, total = progress
    far = f"{read} of {count_of(total, 'message')} of visit.state were read in {within_s:g} s"
    judged = site.rules.get(SUMS) != "off"  # what was counted before stays there until its visit changes
    return PartsWaiting(of=found, differing=differs if judged else {}, unknown="" if whole else far)

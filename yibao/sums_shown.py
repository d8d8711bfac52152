"""Settlements whose lines add up to something else than they say (rule R2), as people and programs see them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from streams.domain.join.tallies import in_yuan
from streams.explain.sums import Differing
from streams.mapping import Site
from streams.wording import count_of
from yibao import tables
from yibao.moments import local

_HEAD: Final = ("settlement", "visit", "source", "institution", "lines", "add up to", "it says", "difference", "since")
_NUMBERS: Final = ("lines", "add up to", "it says", "difference")


def show(found: Sequence[Differing], counts: Mapping[str, int], site: Site) -> None:
    """For people. counts: of all that differ, by source."""
    rows = [
        (
            one.settlement or "-",
            one.visit,
            one.source,
            one.institution or "-",
            f"{one.lines}",
            in_yuan(one.lines_cents),
            in_yuan(one.stated_cents),
            in_yuan(one.off),
            local(one.since, site),
        )
        for one in found
    ]
    total = sum(counts.values())
    differ = count_of(total, "settlement has lines that add", "settlements have lines that add")
    closing = f"{differ} up to something else than it says (R2): {_by_source(counts)}" if total else "no settlement differs (R2)"
    if rows:
        closing += f"; {len(rows)} of them above, the largest difference first"
    tables.show(_HEAD, rows, right=_NUMBERS, closing=closing, piped=tables.LONG_LINES)


def document(found: Sequence[Differing], counts: Mapping[str, int]) -> dict[str, Any]:
    """For programs. Amounts are texts of yuan, times milliseconds since the epoch."""
    return {"total": dict(counts), "settlements": [_one(one) for one in found]}


def _by_source(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} of {source}" for source, count in counts.items())


def _one(one: Differing) -> dict[str, Any]:
    about = {"source": one.source, "institution": one.institution, "visit": one.visit, "settlement": one.settlement}
    sums = {"lines_sum": in_yuan(one.lines_cents), "stated": in_yuan(one.stated_cents), "difference": in_yuan(one.off)}
    return {**about, "lines": one.lines, **sums, "since": one.since}

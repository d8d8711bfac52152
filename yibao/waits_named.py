"""What rows wait for in the join, as a person names it."""

from collections.abc import Iterable

from streams.domain.join.parts import Part
from streams.errors import Misconfigured
from streams.explain.waits import WITHDRAWAL
from streams.mapping import Site, compile_site
from streams.wording import nearest


def kinds_of(site: Site) -> list[str]:
    """All that rows of the site can wait for, as the counts of `yibao join pending` name it."""
    lookups = {name for mapping in compile_site(site).values() for name in mapping.lookups}
    fixed = [part.value for part in Part if part is not Part.LOOKUP]
    return [*fixed, WITHDRAWAL, *(f"{Part.LOOKUP.value} {name}" for name in sorted(lookups))]


def demand_kind(site: Site, kind: str, *, waits: Iterable[str] | None = None) -> None:
    """Raises Misconfigured where nothing can wait for that; `""` stands for all. waits: what something waits for now; None before
    that is known: a lookup that an earlier mapping had is let through then.
    """
    known = kinds_of(site)
    if not kind or kind in known or kind in (waits or ()):
        return
    if waits is None and kind.startswith(f"{Part.LOOKUP.value} "):
        return
    raise Misconfigured(f"--kind {kind}: nothing waits for that{nearest(kind, known)}; there are {', '.join(known)}")

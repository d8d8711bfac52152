"""Who else reports the same: sites under other prefixes that are bound to the same platform and the same database. Pure.

A copy of a site under a prefix of its own remembers nothing of what the site reported. Its records go under ids of their own, and
the platform takes each of them for another one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streams.topics.binding import Binding, SiteIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """Another site that reports from the same database to the same platform."""

    topic: str
    """Where it is bound."""
    site: str
    """Its name."""
    prefix: str
    """Put before its topics."""
    platform: str
    """Where both report."""
    addresses: tuple[str, ...]
    """The databases that both read."""

    def __str__(self) -> str:
        """Who it is, and what both do."""
        return (
            f"site {self.site} (kafka.topic_prefix {self.prefix or 'empty'}; {self.topic}) reports {', '.join(self.addresses)} to "
            f"{self.platform}, too"
        )


def twins(here: SiteIdentity, others: Mapping[str, Binding]) -> tuple[Twin, ...]:
    """The twins of a site. others: what is bound under other prefixes, by the topic where that stands."""
    found = (_twin(here, binding.identity, topic) for topic, binding in sorted(others.items()))
    return tuple(twin for twin in found if twin is not None)


def refusal_of(found: Iterable[Twin]) -> str:
    """Why a site is not bound beside its twins, and what to do."""
    return (
        f"nothing was bound: {'; '.join(map(str, found))}. What is bound here would report everything in it once more, and "
        "the platform cannot know it for the same. A copy needs another platform.url beside its own prefix (a test platform, or "
        "`yibao platform serve`). Where both are meant to report it: `yibao topics apply --report-everything-again`"
    )


def _twin(here: SiteIdentity, other: SiteIdentity, topic: str) -> Twin | None:
    shared = {*here.sources.values()} & {*other.sources.values()}
    if other.prefix == here.prefix or other.platform != here.platform or not shared:
        return None
    return Twin(topic=topic, site=other.site, prefix=other.prefix, platform=other.platform, addresses=tuple(sorted(shared)))

"""Whether topics keep the open dead letters of a site: what `topics plan` refuses, and what `connector status` warns of before."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import typer

from streams.mapping import Site, capture_sources
from streams.topics.broker import Broker
from streams.topics.keeping import days, demand_kept, shortest_ms
from streams.topics.shapes import LiveTopic, TopicPlan, compare, plan_topics
from yibao.captures.from_site import topic_settings
from yibao.letters.asked import ask
from yibao.moments import now_ms

_WARNED_AT: Final = 0.75
"""Of the time that the topics keep a letter."""
_DEADLINE_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """Open letters that the topics will soon drop."""

    since_ms: int
    """When the oldest of them failed last."""
    kept_ms: int
    """How long the topics keep a letter, and what became of it."""

    @property
    def document(self) -> dict[str, object]:
        """As `-o json` has it."""
        oldest = datetime.fromtimestamp(self.since_ms / 1000, UTC).isoformat(timespec="seconds")
        return {"oldest_open_letter_at": oldest, "kept_s": self.kept_ms // 1000}

    @property
    def line(self) -> str:
        """As a person reads it, with what to do."""
        age = days(now_ms() - self.since_ms)
        told = f"the oldest open dead letter is {age} old, and the topics keep it for {days(self.kept_ms)}"
        return f"{told}: mend or close it (yibao dlq list), or let them keep it for longer; `yibao topics plan` says which topic"


def planned_topics(site: Site, broker: Broker) -> tuple[TopicPlan, ...]:
    """Every topic's plan; one that does not keep an open letter, or its receipt, is a conflict."""
    plans, live = _compared(site, broker)
    since = _oldest_open(site, broker, shortest_ms(plans, live, _needed(site)), live, share=1.0)
    return plans if since is None else demand_kept(plans, live, _needed(site), since_ms=since, now_ms=now_ms())


def expiring(site: Site, broker: Broker) -> Expiring | None:
    """None while no open letter is near its end."""
    plans, live = _compared(site, broker)
    kept = shortest_ms(plans, live, _needed(site))
    since = _oldest_open(site, broker, kept, live, share=_WARNED_AT)
    if kept is None or since is None or now_ms() - since < kept * _WARNED_AT:
        return None
    return Expiring(since_ms=since, kept_ms=kept)


def _needed(site: Site) -> Sequence[str]:
    return site.topics.dead, site.topics.receipts


def _compared(site: Site, broker: Broker) -> tuple[tuple[TopicPlan, ...], Mapping[str, LiveTopic]]:
    specs = plan_topics(site.topics, capture_sources(site), topic_settings(site))
    live = broker.topics([spec.name for spec in specs])
    return compare(specs, live), live


def _oldest_open(site: Site, broker: Broker, kept: int | None, live: Mapping[str, LiveTopic], *, share: float) -> int | None:
    """When the oldest open letter failed last. The index is asked only where a message is old enough to matter."""
    dead = site.topics.dead
    if kept is None or dead not in live or not broker.holds_before(dead, now_ms() - int(kept * share)):
        return None
    oldest, freshness = ask(site, _oldest_in, deadline_s=_DEADLINE_S)
    if not freshness.complete:
        typer.echo(
            f"not all dead letters were read within {_DEADLINE_S:g} s: an open one may be older than is known here, and near its "
            "end in the topics; the same command goes on from there",
            err=True,
        )
    return oldest


def _oldest_in(index: sqlite3.Connection) -> int | None:
    found = index.execute("SELECT last FROM letters WHERE closed = 0 ORDER BY last LIMIT 1").fetchone()
    return None if found is None else int(found[0])

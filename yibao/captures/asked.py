"""How captures and stages stand: what Connect says, and what the brokers know, each also without the other."""

import time
from collections.abc import Mapping, Sequence

from connector.connect import ConnectorStatus
from connector.contract import CaptureSource
from connector.errors import Unreachable
from streams.broker_wiring import broker_access
from streams.mapping import Site
from streams.topics.broker import Broker
from streams.topics.steering import Pause
from yibao.binding import warn_of_other_site
from yibao.captures.facts import stands_of
from yibao.captures.from_site import reconciler, silent_after_s
from yibao.captures.shown import Shown
from yibao.lag.stages import StageLag, lags_of
from yibao.letters.kept import Expiring, expiring
from yibao.steering import pauses_of


def asked_connect(
    site: Site, sources: Sequence[CaptureSource]
) -> tuple[Mapping[str, ConnectorStatus | None] | None, Unreachable | None]:
    """What Connect says of each source, or why nobody could ask it."""
    try:
        return reconciler(site).status(sources), None
    except Unreachable as away:
        return None, away


def asked_brokers(
    site: Site, sources: Sequence[CaptureSource], states: Mapping[str, ConnectorStatus | None] | None
) -> tuple[list[Shown], list[StageLag], Expiring | None, tuple[Pause, ...]]:
    """Every source and stage, open letters near their end, what is paused. states: what Connect says; None where it does not."""
    with Broker(broker_access(site)) as broker:
        beats = heartbeats(site, broker, sources)
        lags, letters = lags_of(site, broker), expiring(site, broker)
    warn_of_other_site(site)
    return captures(site, sources, states, beats), lags, letters, pauses_of(site)


def heartbeats(site: Site, broker: Broker, sources: Sequence[CaptureSource]) -> dict[str, int | None]:
    """By source, when its last heartbeat came, in milliseconds since the epoch; None where none did. Raises Unreachable."""
    return {each.name: broker.newest_ms(site.topics.heartbeat(each.name)) for each in sources}


def captures(
    site: Site,
    sources: Sequence[CaptureSource],
    states: Mapping[str, ConnectorStatus | None] | None,
    beats: Mapping[str, int | None],
) -> list[Shown]:
    """How the capture of each source stands. Reads what is written down about it, and looks at its database. Raises Unreachable."""
    now_ms = time.time_ns() // 1_000_000
    stands, silent_s = stands_of(site, sources), silent_after_s(site)
    return [
        Shown(
            source=each,
            status=None if states is None else states[each.name],
            heartbeat_age_s=None if (beat := beats[each.name]) is None else max(0, now_ms - beat) / 1000,
            silent_after_s=silent_s,
            stand=stands[each.name],
            asked=states is not None,
        )
        for each in sources
    ]

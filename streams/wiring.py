"""From a site's files to the stages: the only place that knows both the models people write and the settings of the lanes."""

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from streams.agents.connection import AppSettings
from streams.agents.deliver import DeliverStage
from streams.agents.join import JoinStage
from streams.agents.place import PlaceStage
from streams.deliver.gateway import Gateway
from streams.deliver.look import PlatformLook
from streams.deliver.shared_limits import shared
from streams.domain.join.indexed import Index
from streams.domain.place.heard import Heard
from streams.fold_wiring import joiner_of, placer_of
from streams.lane_wiring import broker_settings, lookup_tables
from streams.lanes.context import LaneContext
from streams.lanes.control_feed import ControlFeed
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.health import Health
from streams.lanes.fellows import Fellow, Fellowship
from streams.lanes.high_water import HighWater
from streams.lanes.join.lookup_feed import KafkaLookupFeed
from streams.lanes.join.lookups import LookupTables
from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.kafka_members import members_of
from streams.lanes.place.failures import FailureWatch
from streams.lanes.place.gate import Gate
from streams.lanes.place.lane import PlaceShared
from streams.lanes.place.lookout import LookAt, Lookout, LookoutSettings
from streams.lanes.place.restarts import RestartSettings
from streams.lanes.place.slot_watch import SlotPorts, SlotWatch
from streams.lanes.place.watched import Watched
from streams.lanes.settings import BrokerSettings, JoinSettings, LaneSettings
from streams.lanes.site_check import SiteCheck
from streams.lanes.steering import Steering
from streams.mapping import Site, compile_site
from streams.mapping.identity import identity_of, mapping_of
from streams.mapping.named_files import files_look
from streams.mapping.taking import taken_rows
from streams.platform_wiring import cut_limits, deliver_settings, limit_settings
from streams.telemetry.dying import die
from streams.telemetry.outcomes import Outcomes
from streams.topics.stages import stages

_IDLE_LINGER_S = 0.03
_LISTEN_S = 15.0
"""Signs of life of captures are looked for at least so often; as often as they come, where that is more often."""


def stage_topics(site: Site) -> tuple[str, ...]:
    """The topics whose partitions correspond: a visit has the same one in all of them."""
    return tuple(dict.fromkeys(name for stage in stages(site.topics, site.sources) for name in stage.partitioned))


def rows_topics(site: Site) -> Mapping[str, str]:
    """Sources by the topic of their rows."""
    return {site.topics.rows(source): source for source in site.sources}


def place_states(site: Site) -> tuple[str, ...]:
    """The topics in which the place stage remembers something."""
    return tuple(site.topics.place_state(source) for source in sorted(site.sources))


def fellowship(site: Site, stage: str, *, index: int) -> Fellowship:
    """A process among the workers of a stage that has a mapping."""
    group = site.topics.group(stage)
    me = Fellow(name=f"yibao-{site.site}-{stage}-{index}", mapping=mapping_of(site), since_ms=_wall_ms())
    broker = broker_settings(site)
    return Fellowship(me, partial(members_of, broker, group), group=group, servers=broker.bootstrap_servers, clock=_boot_time)


def place_stage(  # noqa: PLR0913 - each by its name
    site: Site,
    *,
    home: Path | None,
    index: int,
    watched: Watched | None = None,
    fellows: Fellowship | None = None,
    outcomes: Outcomes | None = None,
) -> PlaceStage:
    """The place stage of a site. home: in place of the site's `workers.home`. watched: how sources are watched, if they are."""
    broker, outcomes = broker_settings(site), outcomes or Outcomes("place")
    fellows = fellows or fellowship(site, "place", index=index)
    context = _context(
        site,
        "place",
        broker=broker,
        outcomes=outcomes,
        linger_s=site.place.linger_s,
        home=_home(site, "place", home, index),
        fellows=fellows,
    )
    gate = Gate(context.broker, topic=site.topics.control)
    return PlaceStage(
        app=_app(site, "place", broker=broker, home=home, index=index, fellows=fellows),
        context=replace(context, steering=Steering("place", gate, wall_ms=_wall_ms)),
        shared=PlaceShared(
            topics=site.topics,
            fold=placer_of(site),
            max_chunk=site.place.max_chunk,
            wall_ms=_wall_ms,
            lookout=None if watched is None else _lookout(site, gate, watched.look_at, who=f"place-{index}"),
            heard={source: Heard(round(site.connect.heartbeat_s * 1000)) for source in site.sources},
        ),
        sources=rows_topics(site),
        tick_s=site.join.tick_s,
        wall_ms=_wall_ms,
        listen_s=min(site.connect.heartbeat_s, _LISTEN_S),
        failures=None if watched is None else FailureWatch(watched.captures, settings=restart_settings(site), clock=context.clock),
        heard=None if watched is None else watched.heard,
        looks=[files_look(site)],
    )


def restart_settings(site: Site) -> RestartSettings:
    """When a capture that failed is started again."""
    written = site.capture
    return RestartSettings(most=written.restarts, first_s=written.first_restart_s, longest_s=written.longest_restart_s)


def slot_watch(ports: SlotPorts, *, trusted: bool) -> SlotWatch:
    """The watch over what the sources' servers keep for their captures. trusted: see `SlotWatch`."""
    return SlotWatch(ports, clock=_boot_time, trusted=trusted)


def _lookout(site: Site, gate: Gate, look_at: LookAt, *, who: str) -> Lookout:
    return Lookout(
        gate,
        look_at,
        settings=LookoutSettings(),
        clock=_boot_time,
        now=lambda: datetime.now(ZoneInfo(site.timezone)).isoformat(timespec="seconds"),
        who=f"{who}@{socket.gethostname()}",
        taken=taken_rows(site),
    )


def join_stage(
    site: Site, *, home: Path | None, index: int, fellows: Fellowship | None = None, outcomes: Outcomes | None = None
) -> JoinStage:
    """The join of a site. home: in place of the site's `workers.home`."""
    broker, outcomes = broker_settings(site), outcomes or Outcomes("join")
    lookups, fellows = lookup_tables(site), fellows or fellowship(site, "join", index=index)
    return JoinStage(
        app=_app(site, "join", broker=broker, home=home, index=index, fellows=fellows),
        topics=site.topics,
        sources=tuple(site.sources),
        context=_context(
            site,
            "join",
            broker=broker,
            outcomes=outcomes,
            linger_s=site.join.linger_s,
            home=_home(site, "join", home, index),
            fellows=fellows,
        ),
        settings=JoinSettings(max_chunk=site.join.max_chunk, tick_s=site.join.tick_s),
        fold=joiner_of(site),
        lookups=LookupTables(KafkaLookupFeed(broker, lookups), lookups, outcomes=outcomes),
        index=Index(compile_site(site)),
        wall_ms=_wall_ms,
        looks=[files_look(site)],
    )


def deliver_stage(  # noqa: PLR0913 - each by its name
    site: Site, gateway: Gateway, *, mark: str, outcomes: Outcomes, home: Path | None, index: int
) -> DeliverStage:
    """The deliver stage of a site, posting through `gateway`. mark: what its topics are bound with. home: in place of the site's
    `workers.home`.
    """
    broker, settings, limits = broker_settings(site), deliver_settings(site), limit_settings(site)
    context = _context(
        site, "deliver", broker=broker, outcomes=outcomes, linger_s=site.batch.linger_s, home=_home(site, "deliver", home, index)
    )

    def share_limits(held: Callable[[], int]) -> None:
        gateway.limit_by(lambda: shared(limits, context.steering.limits, held=held(), of=site.kafka.partitions))

    return DeliverStage(
        app=_app(site, "deliver", broker=broker, home=home, index=index),
        context=context,
        share_limits=share_limits,
        shared=DeliverShared(
            topics=site.topics,
            platform=gateway,
            limits=cut_limits(site),
            settings=settings,
            health=Health(settings, clock=_boot_time, most=len(site.institutions) // 2),
            wall_ms=_wall_ms,
            site=mark,
        ),
        looks=[PlatformLook(gateway), files_look(site, keys=True)],
    )


def _app(  # noqa: PLR0913 - each by its name
    site: Site, stage: str, *, broker: BrokerSettings, home: Path | None, index: int, fellows: Fellowship | None = None
) -> AppSettings:
    return AppSettings(
        group=site.topics.group(stage),
        client_id=f"yibao-{site.site}-{stage}-{index}" if fellows is None else fellows.me.client_id,
        broker=broker,
        home=_home(site, stage, home, index),
    )


def _home(site: Site, stage: str, home: Path | None, index: int) -> Path:
    """Folder of one worker."""
    return (home or site.workers.home) / f"{stage}-{index}"


def _context(  # noqa: PLR0913 - each by its name
    site: Site,
    stage: str,
    *,
    broker: BrokerSettings,
    outcomes: Outcomes,
    linger_s: float,
    home: Path,
    fellows: Fellowship | None = None,
) -> LaneContext:
    kafka = KafkaBroker(broker)
    context = LaneContext(
        broker=kafka,
        stage=stage,
        group=site.topics.group(stage),
        settings=LaneSettings(linger_s=linger_s, idle_linger_s=min(_IDLE_LINGER_S, linger_s)),
        outcomes=outcomes,
        clock=_boot_time,
        servers=broker.bootstrap_servers,
        die=die,
        demand_site=SiteCheck(kafka, identity_of(site), topic=site.topics.binding).demand,
        steering=Steering(
            stage,
            ControlFeed(kafka, topic=site.topics.control),
            wall_ms=_wall_ms,
            windows=site.platform.maintenance.plan(site.timezone),
        ),
        high_water=HighWater(home, clock=_boot_time, wall_ms=_wall_ms),
    )
    return context if fellows is None else replace(context, demand_fellows=fellows.demand)


def _boot_time() -> float:
    """Seconds of a clock that goes on while the machine is suspended: a lease must not outlast a sleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000

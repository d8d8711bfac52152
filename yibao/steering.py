"""What a person orders of the workers while they run, and what of it is in force: pauses and limits in `visit.control`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from streams.broker_wiring import broker_access, client_options
from streams.errors import Misconfigured
from streams.mapping import Site
from streams.spec.fields import ServiceCode
from streams.topics.broker import Broker
from streams.topics.maintenance import Maintenance, Ordered
from streams.topics.steering import LimitOrder, Orders, Pause, Paused, dump_window
from streams.topics.writing import write
from streams.wording import nearest
from yibao.audited import audited
from yibao.binding import demand_own_topics, now_of
from yibao.captures.facts import controls_of
from yibao.persons import actor
from yibao.reasons_given import without_numbers

STAGES: Final = ("place", "join", "deliver")
SERVICES: Final = tuple(one.name.lower() for one in ServiceCode)
_UNKNOWN: Final = "it is not known whether it was written down: look with `yibao connector status`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a pause is of."""

    of: Paused
    """What kind of thing."""
    name: str
    """As it stands in the topic."""
    said: str
    """As a person says it."""


def target_of(site: Site, *, source: str | None, institution: str | None, service: str | None, stage: str | None) -> Target:
    """What was named. Raises Misconfigured where that is not exactly one thing, or the site has no such one."""
    named = {Paused.SOURCE: source, Paused.INSTITUTION: institution, Paused.SERVICE: service, Paused.STAGE: stage}
    given = [(of, name) for of, name in named.items() if name is not None]
    if len(given) != 1:
        raise Misconfigured("name one of --source, --institution, --service and --stage")
    of, name = given[0]
    known = _known(site)[of]
    if name not in known:
        raise Misconfigured(f"--{of} {name}: there is no such {of}{nearest(name, known)}; known are {', '.join(known)}")
    return Target(of=of, name=ServiceCode[name.upper()].value if of is Paused.SERVICE else name, said=name)


def _known(site: Site) -> dict[Paused, Sequence[str]]:
    codes = tuple(dict.fromkeys(one.code for one in site.institutions))
    return {Paused.SOURCE: tuple(site.sources), Paused.INSTITUTION: codes, Paused.SERVICE: SERVICES, Paused.STAGE: STAGES}


def now_at(site: Site) -> datetime:
    """The time, with the site's zone."""
    return datetime.now(ZoneInfo(site.timezone))


def pauses_of(site: Site) -> tuple[Pause, ...]:
    """What waits now because a person ordered it. Raises Unreachable, Newer, Fatal."""
    return controls_of(site).orders.in_force(now_at(site))


def orders_of(site: Site) -> Orders:
    """All that was ordered. Raises as `pauses_of`."""
    return controls_of(site).orders


def pause(site: Site, target: Target, *, why: str, until: str) -> tuple[Pause | None, Pause]:
    """Let something wait. Returns the pause that was in force, and the one that is. until: in ISO form with its zone; `""`: until
    somebody resumes it. Raises Misconfigured, Unreachable.
    """
    if until:
        demand_kept(site, target, now_at(site), datetime.fromisoformat(until))
    demand_own_topics(site)
    before, now = orders_of(site).of(target.of, target.name, now_at(site)), now_of(site)
    order = Pause(
        of=target.of,
        name=target.name,
        paused=True,
        since=now if before is None else before.since,
        until=until,
        at=now,
        by=actor(),
        why=without_numbers(why),
    )
    audited(site, "pause", why=why, facts={target.of.value: target.name, "until": until})
    _write(site, order)
    return before, order


def resume(site: Site, target: Target, *, why: str) -> Pause | None:
    """Let it go on. Returns the pause that was in force; None where there was none: nothing is written then."""
    demand_own_topics(site)
    before = orders_of(site).of(target.of, target.name, now_at(site))
    if before is None:
        return None
    audited(site, "resume", why=why, facts={target.of.value: target.name})
    _write(site, replace(before, paused=False, at=now_of(site), by=actor(), why=without_numbers(why)))
    return before


def limit(site: Site, institution: str, change: Callable[[LimitOrder], LimitOrder], *, action: str, why: str) -> LimitOrder:
    """Change how much may go to the platform. institution: whose requests; `""`: all. action: the command, in its words. Raises
    Misconfigured, Unreachable.
    """
    if institution and institution not in _known(site)[Paused.INSTITUTION]:
        known = _known(site)[Paused.INSTITUTION]
        guess = nearest(institution, known)
        raise Misconfigured(f"--institution {institution}: there is no such institution{guess}; known are {', '.join(known)}")
    demand_own_topics(site)
    before = orders_of(site).limits.get(institution) or LimitOrder(institution=institution, at="", by="", why="")
    order = replace(change(before), at=now_of(site), by=actor(), why=without_numbers(why))
    _demand_places(site, order)
    facts = {name: value for name, value in order.document.items() if name not in ("at", "by", "why")}
    audited(site, action, why=why, facts=facts)
    _write(site, order)
    return order


def maintenance_of(site: Site) -> Maintenance | None:
    """The window that is open, or in whose wake what waited is sent. Raises as `pauses_of`."""
    return maintenance_look(site)()


def maintenance_look(site: Site) -> Callable[[], Maintenance | None]:
    """The same, to be asked again and again by what is ordered now. Raises as `pauses_of`."""
    windows, ordered = site.platform.maintenance.plan(site.timezone), orders_of(site).maintenance
    return lambda: windows.at(ordered, now_at(site))


def windows_of(site: Site) -> list[Maintenance]:
    """The windows that are open or come within a week, as they begin. Raises as `pauses_of`."""
    now = now_at(site)
    return [one for one in site.platform.maintenance.plan(site.timezone).around(orders_of(site).maintenance, now) if one.ends > now]


def order_window(site: Site, *, begins: datetime, ends: datetime, why: str) -> tuple[Ordered | None, Ordered]:
    """Let the platform be maintained in that time. Returns the order whose place it takes, where that still says anything, and the
    new one. Aware times. Raises Misconfigured, Unreachable.
    """
    demand_kept(site, Target(of=Paused.STAGE, name="deliver", said="deliver"), begins, ends)
    before = orders_of(site).maintenance
    order = _order_window(site, begins, ends, is_open=True, why=why)
    return before if before is not None and before.stands(now_at(site)) else None, order


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What an order ended."""

    window: Maintenance | None
    """The window that was open."""
    taken_back: Ordered | None
    """The one that was ordered for later: an order takes the place of the one before as a whole."""


def close_window(site: Site, *, why: str) -> Closed:
    """End the window that is open, and take back the one that was ordered for later. Where there is neither, nothing is written.
    Raises Misconfigured, Unreachable.
    """
    now, ordered = now_at(site), orders_of(site).maintenance
    window = site.platform.maintenance.plan(site.timezone).at(ordered, now)
    later = ordered if ordered is not None and ordered.comes(now) else None
    if window is not None and window.inside:
        _order_window(site, now, window.ends, is_open=False, why=why)
        return Closed(window=window, taken_back=later)
    if later is not None:
        begins = datetime.fromisoformat(later.begins)
        _order_window(site, begins, begins, is_open=False, why=why)  # of no length: what site.yaml says of that night stays
    return Closed(window=None, taken_back=later)


def demand_kept(site: Site, target: Target, begins: datetime, ends: datetime) -> None:
    """Raises Misconfigured where what waits from begin to end would be dropped by its topic before."""
    name = "changes_days" if target.of is Paused.SOURCE or target.name in ("place", "join") else "ready_days"
    days = kept_days(site)[name]
    if ends - begins > timedelta(days=days):
        raise Misconfigured(
            f"--until {ends.isoformat(timespec='minutes')}: what waits until then would wait {(ends - begins).days} days, and is "
            f"kept for {days} days (retention.{name}): it would be lost before it goes on; name an earlier end"
        )


def kept_days(site: Site) -> dict[str, int]:
    """How long what waits is kept in its topics, in days, by the name of the setting."""
    return {"changes_days": site.retention.changes_days, "ready_days": site.retention.ready_days}


def _order_window(site: Site, begins: datetime, ends: datetime, *, is_open: bool, why: str) -> Ordered:
    demand_own_topics(site)
    first, last = (one.isoformat(timespec="seconds") for one in (begins, ends))
    order = Ordered(begins=first, ends=last, open=is_open, at=now_of(site), by=actor(), why=without_numbers(why))
    action = f"maintenance {'set' if is_open else 'end'}"
    audited(site, action, why=why, facts={"begins": first, "ends": last})
    key, value = dump_window(order)
    write(client_options(site), site.topics.control, key=key, value=value, otherwise=_UNKNOWN)
    return order


def _demand_places(site: Site, order: LimitOrder) -> None:
    """Raise Misconfigured where fewer requests may be under way than there are workers, for each has one at least."""
    if order.in_flight is None:
        return
    with Broker(broker_access(site)) as broker:
        workers = len(broker.members([site.topics.group("deliver")]))
    if order.in_flight < workers:
        raise Misconfigured(
            f"--in-flight {order.in_flight}: {workers} workers of the deliver stage run, and each has one request under way; "
            f"run no more than {order.in_flight} of them, or give a rate (--requests-per-s)"
        )


def _write(site: Site, order: Pause | LimitOrder) -> None:
    write(client_options(site), site.topics.control, key=order.key, value=order.dump(), otherwise=_UNKNOWN)

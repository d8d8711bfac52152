"""What a person orders of the workers while they run, and what of it is in force: pauses and limits in `visit.control`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast
from zoneinfo import ZoneInfo

from streams.broker_wiring import broker_access, client_options
from streams.errors import Misconfigured
from streams.mapping import Site
from streams.spec.fields import ServiceCode
from streams.topics.broker import Broker
from streams.topics.maintenance import Maintenance, Ordered
from streams.topics.ordering import OrderLog, Settled, settle
from streams.topics.steering import LimitOrder, Orders, Pause, Paused, dump_window
from streams.topics.whole import read_whole
from streams.topics.writing import write
from streams.wording import nearest
from yibao.audited import audited
from yibao.binding import demand_own_topics, now_of
from yibao.captures.facts import controls_of
from yibao.persons import actor
from yibao.reasons_given import without_numbers

STAGES: Final = ("place", "join", "deliver")
SERVICES: Final = tuple(one.name.lower() for one in ServiceCode)
_NOTED_ANYWAY: Final = ("at", "by", "why")
_UNKNOWN: Final = "it is not known whether it was written down: look with `yibao connector status`"

Order = TypeVar("Order", Pause, LimitOrder, Ordered)


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


def in_force(order: Pause | None, site: Site) -> Pause | None:
    """The order, where something waits for it now."""
    return order if order is not None and order.holds(now_at(site)) else None


def pause(site: Site, target: Target, *, why: str, until: str) -> Settled[Pause]:
    """Let something wait. until: in ISO form with its zone; `""`: until somebody resumes it. Raises Misconfigured, Unreachable."""
    if until:
        demand_kept(site, target, now_at(site), datetime.fromisoformat(until))
    demand_own_topics(site)
    now, by = now_at(site), actor()

    def made(last: Pause | None) -> Pause:
        at = now.isoformat(timespec="seconds")
        since = last.since if last is not None and last.holds(now) else at
        return Pause(of=target.of, name=target.name, paused=True, since=since, until=until, at=at, by=by, why=without_numbers(why))

    noted = {target.of.value: target.name, "until": until}
    settled = _settled(site, _pause_of(target), made, lambda _order: audited(site, "pause", why=why, facts=noted))
    return cast("Settled[Pause]", settled)


def resume(site: Site, target: Target, *, why: str) -> Settled[Pause] | None:
    """Let it go on. None where it does not wait: nothing is written then."""
    demand_own_topics(site)
    now, by = now_at(site), actor()

    def made(last: Pause | None) -> Pause | None:
        if last is None or not last.holds(now):
            return None
        return replace(last, paused=False, at=now.isoformat(timespec="seconds"), by=by, why=without_numbers(why))

    noted = {target.of.value: target.name}
    return _settled(site, _pause_of(target), made, lambda _order: audited(site, "resume", why=why, facts=noted))


def limit(site: Site, institution: str, changes: Mapping[str, float | None], *, action: str, why: str) -> Settled[LimitOrder]:
    """Change how much may go to the platform. institution: whose requests; `""`: all. changes: by the name of the limit; None: as
    `site.yaml` has it. action: the command, in its words. Raises Misconfigured, Unreachable.
    """
    if institution and institution not in _known(site)[Paused.INSTITUTION]:
        known = _known(site)[Paused.INSTITUTION]
        guess = nearest(institution, known)
        raise Misconfigured(f"--institution {institution}: there is no such institution{guess}; known are {', '.join(known)}")
    demand_own_topics(site)
    fresh: Any = {**changes, "changes": frozenset(changes), "at": now_of(site), "by": actor(), "why": without_numbers(why)}

    def made(last: LimitOrder | None) -> LimitOrder:
        return LimitOrder(institution=institution, **fresh).upon(last)

    def note(order: LimitOrder) -> None:
        _demand_places(site, order)
        audited(site, action, why=why, facts={name: value for name, value in order.document.items() if name not in _NOTED_ANYWAY})

    log: OrderLog[LimitOrder] = _Log(site)
    settled = settle(log, pick=lambda orders: orders.limits.get(institution), make=made, note=note, upon=_upon)
    return cast("Settled[LimitOrder]", settled)


def _upon(before: LimitOrder | None, order: LimitOrder) -> LimitOrder:
    return order.upon(before)


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


def order_window(site: Site, *, begins: datetime, ends: datetime, why: str) -> Settled[Ordered]:
    """Let the platform be maintained in that time. Aware times. Raises Misconfigured, Unreachable."""
    demand_kept(site, Target(of=Paused.STAGE, name="deliver", said="deliver"), begins, ends)
    demand_own_topics(site)
    order = _window(site, begins, ends, is_open=True, why=why)
    return cast("Settled[Ordered]", _settled(site, _maintenance, lambda _last: order, lambda one: _note(site, one, why)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """What an order ended."""

    window: Maintenance | None
    """The window that was open."""
    taken_back: Ordered | None
    """The one that was ordered for later: an order takes the place of the one before as a whole."""
    settled: Settled[Ordered] | None
    """The order that did it; None where there was nothing to end."""


def close_window(site: Site, *, why: str) -> Closed:
    """End the window that is open, and take back the one that was ordered for later. Where there is neither, nothing is written.
    Raises Misconfigured, Unreachable.
    """
    demand_own_topics(site)
    now = now_at(site)

    def made(last: Ordered | None) -> Ordered | None:
        window, later = _to_close(site, last, now)
        if window is not None:
            return _window(site, now, window.ends, is_open=False, why=why)
        if later is None:
            return None
        begins = datetime.fromisoformat(later.begins)
        return _window(site, begins, begins, is_open=False, why=why)  # of no length: what site.yaml says of that night stays

    settled = _settled(site, _maintenance, made, lambda one: _note(site, one, why))
    window, later = (None, None) if settled is None else _to_close(site, settled.before, now)
    return Closed(window=window, taken_back=later, settled=settled)


def _to_close(site: Site, ordered: Ordered | None, now: datetime) -> tuple[Maintenance | None, Ordered | None]:
    window = site.platform.maintenance.plan(site.timezone).at(ordered, now)
    later = ordered if ordered is not None and ordered.comes(now) else None
    return window if window is not None and window.inside else None, later


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


def _window(site: Site, begins: datetime, ends: datetime, *, is_open: bool, why: str) -> Ordered:
    first, last = (one.isoformat(timespec="seconds") for one in (begins, ends))
    return Ordered(begins=first, ends=last, open=is_open, at=now_of(site), by=actor(), why=without_numbers(why))


def _note(site: Site, order: Ordered, why: str) -> None:
    facts = {"begins": order.begins, "ends": order.ends}
    audited(site, f"maintenance {'set' if order.open else 'end'}", why=why, facts=facts)


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


def _maintenance(orders: Orders) -> Ordered | None:
    return orders.maintenance


def _pause_of(target: Target) -> Callable[[Orders], Pause | None]:
    return lambda orders: orders.pauses.get((target.of, target.name))


def _settled(
    site: Site,
    pick: Callable[[Orders], Order | None],
    make: Callable[[Order | None], Order | None],
    note: Callable[[Order], None],
) -> Settled[Order] | None:
    return settle(_Log(site), pick=pick, make=make, note=note)


class _Log:
    """The orders of a site on its brokers."""

    def __init__(self, site: Site) -> None:
        self._client, self._topic = client_options(site), site.topics.control

    def read(self) -> Iterator[tuple[int, bytes | None]]:
        """Offset and value of every message; none where the topic is missing."""
        with suppress(Misconfigured):
            yield from ((message.offset, message.value) for message in read_whole(self._client, self._topic))

    def write(self, order: Pause | LimitOrder | Ordered) -> int:
        """Append it, and return its offset."""
        key, value = dump_window(order) if isinstance(order, Ordered) else (order.key, order.dump())
        return write(self._client, self._topic, key=key, value=value, otherwise=_UNKNOWN)

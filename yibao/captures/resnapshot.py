"""Read rows of a table again: order it, order it again where the order was lost, prove that all came, and tell which are gone."""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from connector.connect import Connect, ConnectorStatus
from connector.contract import CapturedTable, CaptureSource, TableRole
from connector.errors import Refused
from connector.errors import Unreachable as CannotReach
from connector.profiles import profile_of
from connector.remedies import remedy_of
from connector.signals import Tally, order
from streams.broker_wiring import broker_access, client_options
from streams.errors import Unreachable
from streams.mapping import Site
from streams.topics.broker import Broker
from streams.topics.following import Follower
from streams.topics.writing import write
from streams.wording import count_of
from yibao.captures.absent_rows import Compared, Comparing
from yibao.captures.arrivals import Arrivals, rows_of
from yibao.captures.from_site import connect_client, database_password

_AWAY: Final = (CannotReach, Unreachable)
"""Whoever does not answer in the middle of a reading is asked again later; the reading goes on."""
_POLL_S: Final = 0.5
_AWAY_S: Final = 60.0
_TELL_EVERY_S: Final = 5.0
_LOOK_EVERY_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be read again."""

    site: Site
    source: CaptureSource
    table: CapturedTable
    where: str | None
    """A condition in SQL; None: all rows."""
    keys: frozenset[tuple[str, ...]] | None = None
    """Where that condition says no more than which keys are wanted: these."""

    @property
    def judged(self) -> bool:
        """Whether it can be said of rows that did not come that they are gone."""
        return self.where is None or self.keys is not None

    @property
    def rows_topic(self) -> str:
        """Where the rows arrive."""
        topics = self.site.topics
        return topics.lookup(f"{self.table.lookup}") if self.table.role is TableRole.LOOKUP else topics.rows(self.source.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long is waited for what, in seconds."""

    again_s: float = 15.0
    """Until it is asked what became of an order that nobody answers. One that was read and not answered is lost, as happens while
    the task hangs: it is given again. Never earlier: Debezium can end by two orders for one table.
    """
    orders: int = 5
    """How often it is given at the most."""
    untaken_s: float = 600.0
    """Until it is no longer waited for an order to be read."""
    failed: int = 2
    """How often Debezium may say that it came to nothing. Once can be because of an order before it, whose end was not over yet."""
    failed_s: float = 3.0
    """After that, until it is given again: what Debezium still says of the table counts meanwhile."""
    stalled_s: float = 300.0
    """While nothing is said and no row comes; then the reading has failed."""
    settled_s: float = 30.0
    """After the last row was read: what is still on its way arrives meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A reading that has ended, or one that has begun and is not waited for."""

    orders: tuple[str, ...]
    """Ids of the orders that were given for it: one, or more where some were lost."""
    tally: Tally
    ended: bool
    """Whether it was waited for until its end."""
    compared: Compared | None = None
    """What came of the comparison with what the stages remember; None where none was to be made."""

    @property
    def proved(self) -> bool:
        """Whether all that was asked for was done."""
        return self.tally.proved and (self.compared is None or not self.compared.why_not)


def read_again(wanted: Wanted, *, wait: bool, say: Callable[[str], None], waits: Waits | None = None) -> Reading:
    """Order it; return when Debezium has begun, with `wait` when all rows have arrived. say: told how far it is.

    Raises Refused where capture does not run, does not answer, or fails; Misconfigured for a condition that the database does not
    understand, before anything is ordered; Unreachable.
    """
    site, source = wanted.site, wanted.source
    connect = connect_client(site)
    _demand_running(connect, wanted)
    with Follower(client_options(site), [site.topics.notifications, wanted.rows_topic]) as follower:
        counted = profile_of(source.kind).count_rows(source, wanted.table, where=wanted.where, password=database_password(source))
        say(f"{wanted.table.name}: {count_of(counted, 'row')} to read")
        return _Course(wanted, connect, follower, counted=counted, say=say, waits=waits or Waits()).run(wait=wait)


class _Course:
    """One reading, from the first order to its end."""

    def __init__(
        self, wanted: Wanted, connect: Connect, follower: Follower, *, counted: int, say: Callable[[str], None], waits: Waits
    ) -> None:
        self._wanted = wanted
        self._connect = connect
        self._follower = follower
        self._counted = counted
        self._say = say
        self._waits = waits
        self._seen = Arrivals(rows=rows_of(wanted.site, wanted.source, wanted.table))
        self._offset = -1
        now = time.monotonic()
        self._began_at = self._polled_at = self._ordered_at = self._moved_at = self._told_at = self._looked_at = now
        self._scanned_at: float | None = None

    def run(self, *, wait: bool) -> Reading:
        """Until its end; without `wait` until it has begun."""
        self._order()
        while not self._ended(wait=wait):
            self._take(self._poll())
            self._judge(time.monotonic())
        tally = self._seen.tally(self._counted)
        compared = self._compare() if wait and tally.proved and self._wanted.judged else None
        return Reading(orders=tuple(self._seen.orders), tally=tally, ended=wait, compared=compared)

    def _compare(self) -> Compared:
        wanted = self._wanted
        return Comparing(
            site=wanted.site,
            source=wanted.source,
            rows=self._seen.rows,
            only=wanted.keys,
            where=wanted.where,
            poll=lambda: self._take(self._poll()),
            say=self._say,
            settled_s=self._waits.settled_s,
            stalled_s=self._waits.stalled_s,
        ).run()

    def _ended(self, *, wait: bool) -> bool:
        if not wait:
            return self._seen.told_of > 0 and not self._seen.failure
        if self._scanned_at is None:
            return False
        return self._seen.tally(self._counted).proved or time.monotonic() - self._scanned_at > self._waits.settled_s

    def _order(self) -> None:
        wanted = self._wanted
        order_id = f"yibao-{secrets.token_hex(6)}"
        key, value = order(order_id, wanted.source, wanted.table, where=wanted.where)
        topic = wanted.site.topics.signals
        self._seen.orders.append(order_id)
        otherwise = "it is not known whether the order was written; give it again, rows that come twice do no harm"
        self._offset = write(client_options(wanted.site), topic, key=key, value=value, otherwise=otherwise)
        self._ordered_at = time.monotonic()

    def _poll(self) -> list[Any]:
        """What came. Raises Unreachable when no broker has answered for a while."""
        try:
            messages = self._follower.poll(_POLL_S)
        except Unreachable:
            if time.monotonic() - self._polled_at > _AWAY_S:
                raise
            time.sleep(_POLL_S)
            return []
        self._polled_at = time.monotonic()
        return messages

    def _take(self, messages: list[Any]) -> None:
        notifications, before = self._wanted.site.topics.notifications, (self._seen.arrived, self._seen.told_of)
        for message in messages:
            if message.topic == notifications:
                self._seen.told(message.value)
            else:
                self._seen.came(message.value)
        if (self._seen.arrived, self._seen.told_of) != before:
            self._moved_at = time.monotonic()
        if self._seen.end is not None and self._scanned_at is None:
            self._scanned_at = time.monotonic()

    def _judge(self, now: float) -> None:
        """Say how far it is, order it again, or give up."""
        seen, waits = self._seen, self._waits
        if now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            self._say(
                f"{seen.arrived} of {count_of(self._counted, 'row')} arrived" if seen.told_of else "Debezium has not begun yet"
            )
        if now - self._looked_at >= _LOOK_EVERY_S:
            self._looked_at = now
            with suppress(*_AWAY):
                _refuse_failed(self._connect.status(_connector(self._wanted)), self._wanted)
        if seen.failure:
            self._after_failure(now)
        elif not seen.told_of and now - self._ordered_at >= waits.again_s:
            with suppress(*_AWAY):
                self._ask_after(now)
        elif seen.told_of and self._scanned_at is None and now - self._moved_at >= waits.stalled_s:
            raise Refused(f"nothing came for {waits.stalled_s:.0f} s: see yibao connector status, and order it again")

    def _after_failure(self, now: float) -> None:
        """Give an order again that came to nothing; refuse when that repeats."""
        wanted, why = self._wanted, self._seen.failure
        if len(self._seen.failed) >= self._waits.failed:
            raise Refused(
                f"{wanted.table.name} was not read, {len(self._seen.failed)} times: {why}; is it captured as the mapping says "
                "(yibao connector plan)? The log of the Connect worker may say more"
            )
        if now - self._moved_at >= self._waits.failed_s:
            with suppress(*_AWAY):
                _refuse_failed(self._connect.status(_connector(wanted)), wanted)
            self._say(f"{why}: the order is given again")
            self._seen.told_of = 0
            self._order()

    def _ask_after(self, now: float) -> None:
        """Give an order again that was read and not answered; wait for one that was not read."""
        wanted, waits = self._wanted, self._waits
        name, given = wanted.source.name, len(self._seen.orders)
        self._ordered_at = now
        if not _was_read(wanted, self._offset):
            if now - self._began_at < waits.untaken_s:
                self._say("the order is not read yet: a first snapshot is made before, and orders are read after it")
                return
            raise Refused(
                f"the order was not read within {waits.untaken_s:.0f} s. It stands, and is carried out when it is read: after the "
                "first snapshot at the latest. On a secured broker connect.consumer in site.yaml says how Connect reads orders"
            )
        if given >= waits.orders:
            raise Refused(
                f"capture of {name} runs, read {count_of(given, 'order')} and carried out none: "
                f"yibao connector restart {name} --all, and try again; the log of its Connect worker may say more"
            )
        self._say("the order was read and not answered: it is given again")
        self._order()


def _was_read(wanted: Wanted, offset: int) -> bool:
    """Whether the connector has read the order at this offset."""
    topics, name = wanted.site.topics, wanted.source.name
    with Broker(broker_access(wanted.site)) as broker:
        return broker.committed(topics.signal_group(name), topics.signals, [0])[0].offset > offset


def _demand_running(connect: Connect, wanted: Wanted) -> None:
    connector = _connector(wanted)
    status = connect.status(connector)
    if status is None:
        raise Refused(f"there is no connector {connector}: run `yibao connector apply`")
    _refuse_failed(status, wanted)
    if not status.running:
        raise Refused(f"connector {connector} does not run ({status.state}): see yibao connector status; resume it first")


def _refuse_failed(status: ConnectorStatus | None, wanted: Wanted) -> None:
    if status is not None and status.failure is not None:
        remedy = remedy_of(status.failure, wanted.source)
        raise Refused(f"connector {_connector(wanted)} failed: {status.failure}; {remedy}")


def _connector(wanted: Wanted) -> str:
    return wanted.site.topics.connector(wanted.source.name)

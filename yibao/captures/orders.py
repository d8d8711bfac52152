"""Orders to a capture by its site: whose it is, written down first, waited for, and told where another order came between."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from connector.connect import Connect
from connector.contract import CaptureSource
from connector.errors import CaptureError, Refused
from connector.orders import Wish, carried_out
from connector.profiles import profile_of
from connector.remedies import remedy_of
from streams.broker_wiring import client_options
from streams.errors import Misconfigured, YibaoError
from streams.mapping import Site
from streams.topics.audit import Link
from streams.topics.audit_log import read_audit
from yibao.audited import audited_where_possible
from yibao.binding import now_of, refuse_other_site
from yibao.captures.from_site import chosen_sources, connect_client, database_password
from yibao.interrupted import leaving

_OF_CAPTURE: Final = ("connector ", "slot given up")
"""How actions begin that may come between."""


@contextmanager
def ordering(site: Site, config: Path, order: str, source: str) -> Iterator[None]:
    """One order to Connect: whoever interrupts it does not know whether it was taken. Raises Misconfigured for another site's, and
    where somebody else gives the orders; what another order that came meanwhile made of it is told with what it raises.
    """
    refuse_read_only(site, order)
    refuse_other_site(site)
    left = f"Connect may have taken the order already; {look(config)}"
    began = now_of(site)
    with audited_where_possible(site, f"connector {order}", facts={"source": source}), leaving(left):
        try:
            yield
        except Refused as refused:
            raise Refused(f"{refused}{_came_between(site, source, order, began)}; {look(config)}") from refused


def obeyed(site: Site, name: str, order: Callable[[Connect, str], None], wish: Wish) -> None:
    """Give an order, and wait until connector and tasks are what is wished. Raises Refused where they are not."""
    (source,) = chosen_sources(site, name)
    connect, connector = connect_client(site), site.topics.connector(name)
    order(connect, connector)
    try:
        carried_out(connect, connector, wish, reader=lambda: _reader(source))
    except Refused as refused:
        status = connect.status(connector)
        if status is None or status.failure is None or wish is not Wish.RUNNING:
            raise
        raise Refused(f"{refused}; {remedy_of(status.failure, source)}") from refused


def _reader(source: CaptureSource) -> str | None:
    """Who reads the log at the source's place. A database that does not answer cannot tell; then Connect's word counts."""
    with suppress(CaptureError, YibaoError):
        return profile_of(source.kind).reader_of(source, password=database_password(source))
    return None


def refuse_read_only(site: Site, order: str) -> None:
    """Raises Misconfigured where somebody else gives orders to the connectors."""
    if site.connect.read_only:
        raise Misconfigured(
            f"connector {order}: connect.read_only is on in {site.file}, so somebody else gives orders to these connectors "
            "(Strimzi's KafkaConnector: set its spec.state or spec.config there); `connector plan` and `status` look at them"
        )


def look(config: Path) -> str:
    """What shows how each capture stands."""
    return f"`yibao connector status -c {shlex.quote(str(config))}` shows how each stands"


def _came_between(site: Site, source: str, order: str, began: str) -> str:
    """The orders for the same source that were written down since; `""` where there are none, or no broker tells."""
    with suppress(YibaoError):
        entries = [one.entry for one in read_audit(client_options(site), site.topics.audit) if one.link is not Link.BESIDE]
        mine = [one for one in entries if one is not None and one.at >= began and one.facts.get("source") == source]
        others = [one for one in mine if one.action.startswith(_OF_CAPTURE) and one.action != f"connector {order}"]
        if others:
            told = ", ".join(f"`{one.action}` by {one.by} at {one.at}" for one in others)
            return f"; another order came between: {told}"
    return ""

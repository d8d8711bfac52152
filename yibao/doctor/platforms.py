"""The way to the platform, judged: name, connection, handshake, certificate. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from yibao.doctor.checks import Told, blocks, warns
from yibao.doctor.clocks import of_clock


@dataclass(frozen=True, slots=True, kw_only=True)
class WayFacts:
    """How far the way to the platform was gone."""

    to: str
    """`host:port` of the first station: the proxy, or the platform."""
    unknown: str = ""
    """Why its name is not known; `""` where it is."""
    closed: str = ""
    """Why it takes no connection; `""` where it does."""
    refused: str = ""
    """What the proxy said when it was to connect to the platform; `""` where it did, or there is none."""
    tls: str = ""
    """Why the handshake failed; `""` where it did not, or none is made."""
    valid_until: datetime | None = None
    """Until when the certificate is valid; None where none was seen."""
    probed: str = ""
    """Why the probe had no answer; `""` where it had one, or none was sent."""
    status: int | None = None
    """HTTP status of the answer to the probe; None where none came."""
    there: datetime | None = None
    """The platform's clock, by its answer; None where it did not tell."""
    here: datetime | None = None
    """This machine's clock at that moment."""


def of_certificate(whose: str, valid_until: datetime, *, now: datetime, days: int) -> Iterator[Told]:
    """days: so long it must be valid yet."""
    if valid_until - now < timedelta(days=days):
        what = f"is valid until {valid_until.isoformat(timespec='minutes')}; then nobody of ours trusts it, and all waits"
        yield warns("tls.certificate", f"certificate of {whose}", what, "have it renewed by whoever runs that server, in time")


def of_way(way: WayFacts, *, now: datetime, days: int) -> Iterator[Told]:
    """days: so long its certificate must be valid yet."""
    if way.unknown:
        mend = "check platform.url (or platform.proxy), and this machine's name servers (/etc/resolv.conf)"
        yield blocks("platform.name", way.to, f"is not known: {way.unknown}", mend)
    elif way.closed:
        yield blocks(
            "platform.reach", way.to, f"takes no connection: {way.closed}", "open the way: firewall, VPN, routes; check the port"
        )
    elif way.refused:
        yield blocks("platform.reach", way.to, f"does not connect to the platform: {way.refused}", "let the proxy allow it")
    elif way.tls:
        mend = "platform.ca_file must hold the authority of its certificate; the host in platform.url stands in the certificate"
        yield blocks("platform.tls", way.to, f"makes no TLS handshake: {way.tls}", mend)
    if way.valid_until is not None:
        yield from of_certificate(way.to, way.valid_until, now=now, days=days)
    if way.probed:
        yield blocks("platform.answer", way.to, f"does not answer: {way.probed}", "ask the platform's people whether it is well")
    elif way.status is not None and way.status >= 500:
        yield warns("platform.answer", way.to, f"answers {way.status}", "ask the platform's people whether it is well")
    if way.there is not None and way.here is not None:
        yield from of_clock("platform", way.there, here=way.here)

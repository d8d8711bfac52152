"""Whether Kafka Connect's REST interface lets somebody in from outside who gives no login. Asked, never ordered."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from connector.connect import Access, Connect
from connector.errors import CaptureError
from streams.broker_wiring import text_of
from streams.mapping import Site
from streams.mapping.values import is_loopback

_WITHIN_S = 3.0


def let_in_at(site: Site) -> tuple[str, ...]:
    """The addresses at which it lets in whoever comes: that of the site, and where this is loopback, this machine's others."""
    parts = urlsplit(site.connect.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    hosts = [host] if not is_loopback(host) else list(_own_addresses())
    return tuple(
        f"{shown}:{port}" for one in hosts if _lets_in(site, parts._replace(netloc=f"{(shown := _shown(one))}:{port}").geturl())
    )


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _lets_in(site: Site, url: str) -> bool:
    with suppress(CaptureError):
        access = Access(url=url, timeout_s=_WITHIN_S, busy_s=0, ca_file=text_of(site.connect.ca_file), proxy=site.connect.proxy)
        Connect(access).about()
        return True
    return False


def _own_addresses() -> Iterator[str]:
    """Of this machine, without loopback; by a connection of UDP that sends nothing the one that others see."""
    seen: dict[str, None] = {}
    with suppress(OSError, UnicodeError):
        seen |= dict.fromkeys(f"{found[4][0]}" for found in socket.getaddrinfo(socket.gethostname(), None))
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        outward.connect(("192.0.2.1", 9))
        seen[f"{outward.getsockname()[0]}"] = None
    yield from (address for address in seen if not is_loopback(address) and not address.startswith("fe80"))

"""Asks whether a platform of one's own is there, before anything is started for it."""

import http.client
from urllib.parse import urlsplit

from streams.errors import Misconfigured, Unreachable

_WITHIN_S = 10.0


def demand_answer(url: str) -> None:
    """Return when something answers HTTP at `url`, whatever it says; nothing is reported to it.

    Raises Misconfigured where it is no such address, Unreachable where nothing answers within ten seconds.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Misconfigured(f"--platform-url {url}: write an address that begins with http:// or https://")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname, parts.port, timeout=_WITHIN_S)
    except (ValueError, http.client.InvalidURL) as error:
        raise Misconfigured(f"--platform-url {url}: {error}") from error
    try:
        connection.request("GET", parts.path or "/")
        connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        reason = f"{error}" or type(error).__name__
        raise Unreachable(f"no platform answers at {url} ({reason}): start it, or correct --platform-url") from error
    finally:
        connection.close()

"""What `yibao check` finds outside of a site's files: in its databases, as far as they answer from here; with `--live` in all that
capture needs.
"""

import socket
from collections.abc import Iterator
from typing import Final, NamedTuple

from connector.contract import CaptureSource
from connector.errors import Misconfigured, Refused, Unreachable
from connector.findings import Finding
from streams.errors import Misconfigured as BadFile
from streams.mapping import Site, capture_sources
from yibao.binding import found_in_binding
from yibao.captures.facts import found_in_source
from yibao.captures.from_site import chosen_sources, found_by_connect, found_in_database, found_in_plugin, stands_against
from yibao.shared_numbers import found_shared

_REACH_S: Final = 2.0
"""So long a database may take to answer at all. Who demands more asks with `--live`."""


class Looked(NamedTuple):
    """What was found, and what was not looked at."""

    findings: tuple[Finding, ...] = ()
    unseen: tuple[str, ...] = ()
    """Sources whose databases do not answer from here, each with why."""


def found_within_reach(site: Site) -> Looked:
    """The databases alone, those that answer: the catalogue against the mapping, and numbers that two tables share."""
    findings: list[Finding] = []
    unseen: list[str] = []
    seen: list[str] = []
    for source in capture_sources(site):
        try:
            _knock(source)
            found = found_in_database(source)
        except (Unreachable, OSError) as away:
            unseen.append(f"sources.{source.name}: {away}")
            continue
        except (Misconfigured, Refused, BadFile) as refused:
            mend = "mend it, or leave the database out with --offline"
            findings.append(Finding(where=f"sources.{source.name}", what=f"lets nobody look: {refused}", mend=mend))
            continue
        findings += found
        if not stands_against(found):
            seen.append(source.name)
    try:
        findings += found_shared(site, among=seen)
    except Unreachable as away:
        unseen.append(f"numbers that tables share: {away}")
    return Looked(tuple(findings), tuple(unseen))


def _knock(source: CaptureSource) -> None:
    """Raises OSError where nothing takes a connection in time."""
    try:
        socket.create_connection((source.host, source.port), timeout=_REACH_S).close()
    except (OSError, UnicodeError) as away:
        raise OSError(f"nothing answers at {source.host}:{source.port} ({getattr(away, 'strerror', None) or away})") from away


def found_live(site: Site) -> Iterator[Finding]:
    """What stands against capture: whose the topics are, and source by source the database's part, Connect's plugin, and where
    neither does, Connect's. Then what stands against reporting what is captured. Raises where something does not answer.
    """
    yield from found_in_binding(site)
    captured = True
    for source in chosen_sources(site, None):
        in_database = found_in_source(site, source)
        found = (*in_database, *found_in_plugin(site, source))
        yield from found
        captured &= not stands_against(in_database)
        if not stands_against(found):
            yield from found_by_connect(site, source)
    if captured:
        yield from found_shared(site)

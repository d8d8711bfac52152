"""Whether another capture reads with a source's slot, or whatever its kind of database has: two that share one are in each other's
way.
"""

import time
from collections.abc import Iterator
from typing import Final

from connector.connect import Connect
from connector.contract import CaptureSource
from connector.errors import CaptureError
from connector.findings import Finding
from connector.profiles import profile_of
from streams.errors import YibaoError
from streams.mapping import Site
from yibao.captures.from_site import connect_client, database_password

_ENDS_WITHIN_S: Final = 10.0
"""A capture that was just ended still holds its slot for some seconds."""
_POLL_S: Final = 0.5


def found_in_use(site: Site, source: CaptureSource, *, look: bool) -> Iterator[Finding]:
    """What stands against this source because another capture has its slot. look: also in the database, which knows of captures by
    another Connect. Raises CaptureError, YibaoError.
    """
    connect = connect_client(site)
    advice = profile_of(source.kind).advice(source)
    where, mend = advice.place, f"{advice.another}, or end the other"
    if others := sharing(connect, site, source):
        what = f"is that of connector {', '.join(others)}, too: {advice.shared}"
        yield Finding(where=where, what=what, mend=f"{mend}: `yibao connector delete` with its site's file")
    elif look and not _is_ours(connect, site, source) and (reader := _stays(source)) is not None:
        what = f"is read by another capture ({reader}): {advice.shared}"
        yield Finding(where=where, what=what, mend=f"{mend}; {advice.tells_reader}")


def slot_left(site: Site, source: CaptureSource) -> str:
    """What is said of the slot of a connector that was deleted: whether it may be dropped."""
    advice = profile_of(source.kind).advice(source)
    slot, drop = advice.place, advice.drop
    if not drop:
        return advice.kept
    try:
        others, reader = sharing(connect_client(site), site, source), _stays(source)
    except (CaptureError, YibaoError) as unknown:
        return f"{slot} stays. It was not seen whether another capture uses it ({unknown}); if none does: {drop}"
    if others:
        return f"{slot} stays: it is that of connector {', '.join(others)}, too"
    if reader is not None:
        return f"{slot} stays: another capture reads with it ({reader})"
    return f"{slot} stays, and the database keeps its log for it: {drop}"


def sharing(connect: Connect, site: Site, source: CaptureSource) -> list[str]:
    """The other connectors of the same Connect that read with this source's slot."""
    own = site.topics.connector(source.name)
    return [name for name in connect.names() if name != own and _reads_there(connect, name, source)]


def _is_ours(connect: Connect, site: Site, source: CaptureSource) -> bool:
    """Whether this source's own connector reads with the slot."""
    own = site.topics.connector(source.name)
    status = connect.status(own)
    return status is not None and any(task.state != "FAILED" for task in status.tasks) and _reads_there(connect, own, source)


def _reads_there(connect: Connect, connector: str, source: CaptureSource) -> bool:
    profile = profile_of(source.kind)
    live, wanted = connect.config(connector), profile.options(source)
    return live is not None and all(live.get(key) == wanted[key] for key in profile.place)


def _stays(source: CaptureSource) -> str | None:
    """Who reads with the slot, where that does not end by itself."""
    until = time.monotonic() + _ENDS_WITHIN_S
    while True:
        reader = profile_of(source.kind).reader_of(source, password=database_password(source))
        if reader is None or time.monotonic() > until:
            return reader
        time.sleep(_POLL_S)

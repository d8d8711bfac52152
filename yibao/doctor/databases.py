"""What stands around a capture in its database, judged. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from connector.contract import CaptureSource
from connector.profiles import profile_of
from connector.room import KeptLog, Room
from yibao.doctor.checks import Told, blocks, warns
from yibao.doctor.clocks import of_clock

_NEARLY: Final = 0.5
_GIGABYTE: Final = 1 << 30
_MUCH: Final = 10 * _GIGABYTE
"""Of a log that nothing bounds."""


def of_room(source: CaptureSource, room: Room, *, zone: str, here: datetime) -> Iterator[Told]:
    """zone: of the site. here: this machine's time in the middle of the question."""
    advice = profile_of(source.kind).advice(source)
    if room.free_senders < 1 and not (room.kept is not None and room.kept.active):
        yield blocks(
            "database.senders",
            f"source {source.name}: {advice.senders}",
            f"all {room.max_senders} connections for reading the log are taken",
            advice.more_senders.format(more=room.max_senders + 4),
        )
    if room.kept is not None:
        yield from _log(source, room.kept)
    if room.now.utcoffset() != here.astimezone(ZoneInfo(zone)).utcoffset():
        yield warns(
            "database.zone",
            f"source {source.name}: {advice.zone}",
            f"is {room.zone}, and the site's timezone is {zone}: what the database itself writes into a time without a zone "
            "(now(), a default) is read as a time of another zone",
            f"{advice.zone_mend.format(zone=zone)}  -- or set timezone in site.yaml, if that is wrong",
        )
    yield from of_clock(f"database of source {source.name}", room.now, here=here)


def _log(source: CaptureSource, kept: KeptLog) -> Iterator[Told]:
    advice = profile_of(source.kind).advice(source)
    where = f"source {source.name}: {advice.place}"
    mend = (
        f"see why capture does not go on: `yibao connector status -s {source.name}`. If it cannot, and the disk is in danger: "
        f"{advice.drop} then all is read again (docs/operations.md, A source that stands)"
    )
    if kept.status == "unreserved":
        what = "has more of the log behind it than the server keeps: at the next checkpoint its place is lost"
        yield blocks("database.log", where, what, mend)
    elif kept.most is None and kept.bytes > _MUCH:
        yield warns("database.log", where, f"keeps {_size(kept.bytes)} of the log, and nothing bounds it", mend)
    elif kept.most is not None and kept.bytes > _NEARLY * kept.most:
        what = f"keeps {_size(kept.bytes)} of the log; at {_size(kept.most)} its place is lost"
        yield warns("database.log", where, what, mend)


def _size(number: int) -> str:
    return f"{number / _GIGABYTE:.1f} GiB"

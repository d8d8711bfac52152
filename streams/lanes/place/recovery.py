"""Where a place lane must go on whose offset is lost or wrong. Pure.

What the lane wrote into `visit.changes` is the row as it was captured, with its time. So the last row whose placed form stands
there is the last one that was placed: offset and output were one transaction. Nothing is placed twice; a row that a snapshot read
must not be, because its old content would come to life (`streams.domain.again`). Headers, and rows under them, do not stand there
as they were captured: of them `place.state` tells, which is of the same transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from streams.lanes.marks import PlaceMark, place_mark
from streams.lanes.recovered import Place, Recovery, readable


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceEvidence:
    """What the topics tell of one source."""

    rows: Place
    """Where it stands in `rows.<source>`."""
    partitions: int
    """Of `visit.changes`."""
    reached: int | None
    """The last row whose placed form stands in `visit.changes`; None for none."""
    remembered: int | None = None
    """The last row that is a header or stands under one; None for none."""
    kept: int | None = None
    """The last such row that `place.state` shows to be placed; None where it shows none."""
    missing: int | None = None
    """Such a row before the last one that was placed which `place.state` does not know; None for none."""
    oldest_ms: int | None
    """Time of the oldest row that can be read; None for none."""
    newest_ms: int | None
    """Time of the newest message of this source in `visit.changes`; None for none."""
    until_ms: int = 0
    """The latest time of a row up to the last one that is known to be placed."""
    tail: str = ""
    """Digest of the row before the committed offset; `""` where it cannot be read."""
    last: Mapping[tuple[str, int], int] = field(default_factory=dict)
    """By series and partition of `visit.changes`: its last number there."""


def place_recovery(found: PlaceEvidence, *, source: str, born: str) -> Recovery:
    """What is to be done. born: a word for numbers that begin anew, used nowhere before."""
    rows, mark = found.rows, readable(found.rows.said, place_mark)
    if mark is not None and rows.fits(mark.log) and found.tail in ("", mark.tail or found.tail):
        return rows.keep()
    if mark is not None and (lost := _lost_numbers(found, mark, source)):
        return rows.refuse(f"visit.changes is short, too: {lost}. Rows that were placed are lost there")
    if why := _unsure(found):  # placed twice, an older content that a snapshot read would come to life
        return rows.refuse(why)
    offset, why = _offset(found)
    if offset is None:
        return rows.refuse(why)
    numbered = mark or PlaceMark(out=(1,) * found.partitions, born=born)
    told = "go on" if mark else "begin anew"
    return rows.write(offset, replace(numbered, log=rows.id, tail="").text(), f"{why}; its numbers {told}")


def _unsure(found: PlaceEvidence) -> str:
    """Why it is not known whether headers and rows under them were placed; `""` where it is, or there are none."""
    if found.missing is not None:
        return f"place.state does not know the row at {found.missing}, which was placed: its end was lost, or it was made anew"
    reached = _reached(found)
    if found.remembered is None or found.remembered <= reached:
        return ""
    if found.kept is None:
        return f"the row at {found.remembered} is a header, or stands under one: nothing shows whether it was placed"
    if found.newest_ms is not None and found.newest_ms > found.until_ms:
        return f"visit.changes shows a row that was placed after that at {reached}, and place.state does not: its end was lost"
    return ""


def _reached(found: PlaceEvidence) -> int:
    """The last row that was surely placed; -1 for none."""
    return max(-1 if one is None else one for one in (found.reached, found.kept))


def _offset(found: PlaceEvidence) -> tuple[int | None, str]:
    """Where to go on, and why; None where that is not known, and why not."""
    rows, unknown = found.rows, "what was placed is not known"
    if (reached := _reached(found)) >= 0:
        where = "visit.changes" if reached == found.reached else "place.state"
        return reached + 1, f"the row at {reached} is the last one that stands in {where}"
    if found.newest_ms is None:
        if rows.begin:
            return None, f"rows before {rows.begin} have expired, and visit.changes holds nothing of this source: {unknown}"
        return 0, "nothing of this source was placed yet"
    if found.oldest_ms is None:
        return rows.end, "the topic holds no row"
    if rows.begin == 0 and found.oldest_ms >= found.newest_ms:
        anew = "all rows are newer than what was placed, so the topic was made anew"
        return 0, f"{anew}; rows that were lost with the old one come when their tables are read again"
    return None, f"none of the rows stands in visit.changes, and not all are newer than what stands there: {unknown}"


def _lost_numbers(found: PlaceEvidence, mark: PlaceMark, source: str) -> str:
    series = mark.series(source)
    for partition, following in enumerate(mark.out):
        last = found.last.get((series, partition))
        if last is not None and last + 1 < following:
            return f"partition {partition} ends with number {last} of {series}, and {following - 1} was written"
    return ""

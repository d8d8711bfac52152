"""A list of letters for the insurance office: the letters of the index, what the topic holds of each, and the file.

A hundred thousand letters pass through a scratch file and not through memory: they come in the order of the topic, which is the
order in which their content can be read, and leave in that of their cause. Files that are not done yet lie in a private folder
beside the list, and go with it.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import orjson

from streams.broker_wiring import broker_access
from streams.deadletter.document import both_documents
from streams.deadletter.filter.grammar import Filter, written
from streams.deadletter.index.entry import SEPARATOR
from streams.deadletter.index.pages import Letter, every
from streams.deadletter.sheet.columns import Line
from streams.deadletter.sheet.lines import Content, Lines
from streams.deadletter.sheet.words import OTHERS, OWNERS
from streams.deadletter.sheet.written_csv import CsvList
from streams.errors import Misconfigured, Unreachable
from streams.mapping import Site, capture_sources, compile_site
from streams.topics.offsets import Reach
from streams.topics.onward import Onward
from yibao.letters.asked import ask, clock_of, notes_on, progress
from yibao.letters.closed import shown
from yibao.letters.mending import Places
from yibao.moments import local, now_ms
from yibao.persons import actor

_AT_ONCE: Final = 1_000
"""Letters that are in memory."""
_GAP: Final = 20_000
"""Messages between two letters that are rather read than passed over."""
_MESSAGES: Final = 200
"""Of one portion of them."""
_FETCH_BYTES: Final = 1 << 20
_ONE_SPAN_S: Final = 900.0
_TABLES: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE letters (partition INTEGER, offset INTEGER, letter BLOB, PRIMARY KEY (partition, offset)) WITHOUT ROWID;
CREATE TABLE lines (rank INTEGER, institution TEXT, cause TEXT, first INTEGER, id TEXT, line BLOB,
    PRIMARY KEY (rank, institution, cause, first, id)) WITHOUT ROWID;
"""
_RANKS: Final = {label: rank for rank, label in enumerate((*OWNERS.values(), OTHERS))}


class Form(StrEnum):
    """Forms of a list."""

    XLSX = "xlsx"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is wanted of a list."""

    wanted: Filter
    """Which letters."""
    file: Path
    """Where it goes. What lies there is replaced."""
    form: Form
    """Its form."""
    unmask: bool = False
    """Show what is personal, too."""
    due_days: int | None = None
    """Days from the first failure to the deadline; None: it stays empty."""
    deadline_s: float = 300.0
    """So long the letters may be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What came of it."""

    letters: int
    """How many letters the list has."""
    without_content: int
    """Of how many the topic holds no more: their values and persons are not told."""
    further: Sequence[str]
    """Sheets that were needed because another was full."""


class _List(Protocol):
    def add(self, line: Line) -> None: ...
    def close(self) -> Sequence[str]: ...


class Order(Protocol):
    """What is done before anything is written, with the number of letters."""

    def __call__(self, letters: int) -> None:
        """Raises where the list must not be made."""


def export(site: Site, wish: Wish, *, before: Order, note: Callable[[str], None]) -> Exported:
    """Write a list. note: told of what the index says beside.

    Raises Misconfigured where it cannot be written, else as `ask` and `Onward`.
    """
    try:
        with _folder_beside(wish.file) as folder, closing(sqlite3.connect(folder / "scratch", isolation_level=None)) as scratch:
            scratch.executescript(_TABLES)
            told, freshness = ask(
                site, lambda index: _gather(index, scratch, wish.wanted, site), wanted=wish.wanted, deadline_s=wish.deadline_s
            )
            for one in told:
                note(one)
            if not freshness.complete:
                raise Misconfigured("the time was up before the end of the topic: give a longer --deadline; nothing was written")
            letters = int(scratch.execute("SELECT count(*) FROM letters").fetchone()[0])
            before(letters)
            missing = _compose(scratch, site, wish, letters)
            fresh = folder / wish.file.name
            further = _write(scratch, _open(wish, fresh, folder, _about(site, wish, letters)), letters)
            fresh.replace(wish.file)
            return Exported(letters=letters, without_content=missing, further=further)
    except OSError as error:
        raise Misconfigured(f"{wish.file} cannot be written ({error.strerror})") from error
    except sqlite3.OperationalError as error:
        raise Misconfigured(f"{wish.file} cannot be written ({error}): is there room beside it?") from error


@contextmanager
def _folder_beside(file: Path) -> Iterator[Path]:
    """A folder for this account alone, on the file system of the list."""
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
        yield Path(folder)


def _gather(index: sqlite3.Connection, scratch: sqlite3.Connection, wanted: Filter, site: Site) -> list[str]:
    """The letters that are meant, into the scratch file; asked twice, twice."""
    if scratch.in_transaction:
        scratch.execute("ROLLBACK")
    scratch.execute("BEGIN")
    scratch.execute("DELETE FROM letters")
    found = every(index, wanted, clock_of(site))
    rows = ((one.partition, one.offset, orjson.dumps(tuple(one), default=_left_out)) for one in found)
    scratch.executemany("INSERT INTO letters VALUES (?, ?, ?)", rows)
    scratch.execute("COMMIT")
    return notes_on(index, wanted)


def _left_out(_hash: object) -> str:
    """Of a letter what no list tells: what its record's key was made to."""
    return ""


def _compose(scratch: sqlite3.Connection, site: Site, wish: Wish, letters: int) -> int:
    """A line of each letter; how many are told without their content."""
    lines = Lines(
        site=site.site,
        zone=ZoneInfo(site.timezone),
        now_ms=now_ms(),
        mappings=compile_site(site),
        unmask=wish.unmask,
        due_days=wish.due_days,
    )
    places, missing, done = Places(lines.mappings, capture_sources(site)), 0, 0

    def rows() -> Iterator[tuple[object, ...]]:
        nonlocal missing, done
        for letter, message in _with_messages(scratch, site):
            line = lines.line(letter, Content() if message is None else content_of(letter, message.value), places.of(letter))
            missing += message is None
            done += 1
            told(done, letters)
            told_by = (_RANKS[line.owner], letter.institution, _cause(letter), letter.first, letter.id)
            yield *told_by, orjson.dumps(tuple(line))

    with progress("reading what the letters hold") as told:
        scratch.execute("BEGIN")
        scratch.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", rows())
        scratch.execute("COMMIT")
    return missing


def _with_messages(scratch: sqlite3.Connection, site: Site) -> Iterator[tuple[Letter, Any]]:
    """Each letter with its message; None where the topic does not hold it any more."""
    there = [int(one) for (one,) in scratch.execute("SELECT DISTINCT partition FROM letters ORDER BY partition")]
    if not there:
        return
    access, name = broker_access(site), f"yibao-{site.site}"
    with Onward(access, site.topics.dead, there, client_id=name, most=_MESSAGES, fetch_bytes=_FETCH_BYTES) as topic:
        reach = topic.reach()
        for partition in there:
            asked = scratch.execute("SELECT letter FROM letters WHERE partition = ? ORDER BY offset", (partition,))
            letters = (Letter(*orjson.loads(letter)) for (letter,) in asked)
            yield from _beside(letters, _messages(topic, partition, _spans(scratch, partition, reach[partition]), reach))


def _spans(scratch: sqlite3.Connection, partition: int, reach: Reach) -> list[tuple[int, int]]:
    """From where to where (exclusive) a partition is read: what lies far between two letters is passed over."""
    spans: list[tuple[int, int]] = []
    asked = "SELECT offset FROM letters WHERE partition = ? AND offset >= ? ORDER BY offset"
    for (offset,) in scratch.execute(asked, (partition, reach.begin)):
        if spans and offset - spans[-1][1] <= _GAP:
            spans[-1] = spans[-1][0], offset + 1
        else:
            spans.append((offset, offset + 1))
    return spans


def _messages(topic: Onward, partition: int, spans: Iterable[tuple[int, int]], reach: Mapping[int, Reach]) -> Iterator[Any]:
    """The messages of these spans. Raises Unreachable where they do not come in time: no letter is told without what it holds."""
    for first, end in spans:
        starts, at = {number: first if number == partition else one.end for number, one in reach.items()}, first
        for portion in topic.read(starts, {partition: end}, deadline_s=_ONE_SPAN_S):
            yield from (message for message in portion.messages if message.partition == partition and message.offset < end)
            at = portion.positions[partition]
        if at < end:
            raise Unreachable("the brokers are too slow: the list was not written; try again, or choose fewer letters")


def _beside(letters: Iterable[Letter], messages: Iterable[Any]) -> Iterator[tuple[Letter, Any]]:
    """Both in the order of the topic, put together."""
    left = iter(messages)
    message = next(left, None)
    for letter in letters:
        while message is not None and message.offset < letter.offset:
            message = next(left, None)
        yield letter, message if message is not None and message.offset == letter.offset else None


class _Held(NamedTuple):
    """A letter's value, and how it is read."""

    value: bytes | None
    service: str
    stage: str

    def __repr__(self) -> str:
        return f"_Held(service={self.service})"


def content_of(letter: Letter, value: bytes | None) -> Content:
    """What the value of a letter's message tells."""
    masked, clear = both_documents(_Held(value, letter.service, letter.stage))
    return Content(masked=masked, clear=clear)


def _cause(letter: Letter) -> str:
    """What stands together in a list."""
    return SEPARATOR.join([letter.dead_class, letter.rule, letter.field, letter.cause, letter.service, letter.row_table])


def _open(wish: Wish, fresh: Path, folder: Path, about: Sequence[str]) -> _List:
    if wish.form is Form.CSV:
        return CsvList(fresh)
    from streams.deadletter.sheet.written_xlsx import XlsxList  # noqa: PLC0415 - costs every verb of `dlq` 0.2 s

    return XlsxList(fresh, beside=folder, about=about)


def _write(scratch: sqlite3.Connection, out: _List, letters: int) -> Sequence[str]:
    with progress("writing the list") as told:
        found = scratch.execute("SELECT line FROM lines ORDER BY rank, institution, cause, first, id")
        done = 0
        while some := list(islice(found, _AT_ONCE)):
            for (line,) in some:
                out.add(Line(*orjson.loads(line)))
            done += len(some)
            told(done, letters)
        return out.close()


def _about(site: Site, wish: Wish, letters: int) -> list[str]:
    """For the first sheet of a workbook."""
    return [
        f"站点：{site.site}",
        f"导出时间：{local(now_ms(), site)}",
        f"导出人：{actor()}",
        f"条件：{written(shown(wish.wanted))}",
        f"条数：{letters}",
        f"个人信息：{'未脱敏，请按规定保管，用后删除' if wish.unmask else '已脱敏'}",
    ]

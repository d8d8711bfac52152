"""A list of letters for the insurance office: the letters of the index, what the topic holds of each, and the file.

A hundred thousand letters pass through a scratch file and not through memory: they come in the order of the topic, which is the
order in which their content can be read, and leave in that of their cause. Files that are not done yet lie in a private folder
beside the list, and go with it.
"""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

import orjson

from streams.deadletter.document import both_documents
from streams.deadletter.filter.grammar import Filter, written
from streams.deadletter.index.entry import SEPARATOR
from streams.deadletter.index.pages import Letter, every
from streams.deadletter.sheet.columns import Line
from streams.deadletter.sheet.lines import Content, Lines
from streams.deadletter.sheet.words import OTHERS, OWNERS
from streams.deadletter.sheet.written_csv import CsvList
from streams.errors import Misconfigured
from streams.mapping import Site, capture_sources, compile_site
from streams.topics.onward import Onward
from streams.wiring import broker_access
from yibao.binding import actor
from yibao.letter_mending import mending_of
from yibao.letters_asked import ask, clock_of, notes_on, progress
from yibao.letters_closed import shown
from yibao.moments import local, now_ms

_AT_ONCE: Final = 2_000
"""Letters whose content is read in one go."""
_GAP: Final = 20_000
"""Messages between two letters that are rather read than passed over."""
_MESSAGES: Final = 500
"""Of one portion of them."""
_ONE_READ_S: Final = 120.0
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
        with _beside(wish.file) as folder, closing(sqlite3.connect(folder / "scratch", isolation_level=None)) as scratch:
            scratch.executescript(_TABLES)
            told, freshness = ask(site, lambda index: _gather(index, scratch, wish.wanted, site), deadline_s=wish.deadline_s)
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
def _beside(file: Path) -> Iterator[Path]:
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
    sources, missing, done = capture_sources(site), 0, 0
    with progress("reading what the letters hold") as told:
        for some in _with_messages(scratch, site):
            rows = []
            for letter, message in some:
                where = mending_of(letter, lines.mappings, sources).where
                line = lines.line(letter, Content() if message is None else content_of(letter, message.value), where)
                missing += message is None
                told_by = (_RANKS[line.owner], letter.institution, _cause(letter), letter.first, letter.id)
                rows.append((*told_by, orjson.dumps(tuple(line))))
            scratch.execute("BEGIN")
            scratch.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?)", rows)
            scratch.execute("COMMIT")
            done += len(rows)
            told(done, letters)
    return missing


def _with_messages(scratch: sqlite3.Connection, site: Site) -> Iterator[Iterator[tuple[Letter, Any]]]:
    """Some letters after others, each with its message."""
    access, topic, name = broker_access(site), site.topics.dead, f"yibao-{site.site}"
    for partition, letters in groupby(_letters(scratch), key=lambda one: one.partition):
        with Onward(access, topic, [partition], client_id=name, most=_MESSAGES) as reader:
            begin = reader.reach()[partition].begin
            for some in _runs(letters):
                yield _beside_messages(reader, partition, some, begin=begin)


def _letters(scratch: sqlite3.Connection) -> Iterator[Letter]:
    for (letter,) in scratch.execute("SELECT letter FROM letters ORDER BY partition, offset"):
        yield Letter(*orjson.loads(letter))


def _runs(letters: Iterator[Letter]) -> Iterator[list[Letter]]:
    """Letters of one partition that are read in one go: not too many, and not too far apart."""
    some: list[Letter] = []
    for letter in letters:
        if some and (len(some) == _AT_ONCE or letter.offset - some[-1].offset > _GAP):
            yield some
            some = []
        some.append(letter)
    if some:
        yield some


def _beside_messages(topic: Onward, partition: int, some: Sequence[Letter], *, begin: int) -> Iterator[tuple[Letter, Any]]:
    """Each letter with its message; None where the topic does not hold it any more."""
    there = {one.offset: one for one in some if one.offset >= begin}
    yield from ((one, None) for one in some if one.offset < begin)
    if not there:
        return
    first, end = min(there), max(there) + 1
    for portion in topic.read({partition: first}, {partition: end}, deadline_s=_ONE_READ_S):
        for message in portion.messages:
            if (letter := there.pop(message.offset, None)) is not None:
                yield letter, message
    yield from ((one, None) for one in there.values())


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

"""What became of a visit, a settlement or a fee line: found, gathered, and put in order."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

import orjson
import typer

from streams.broker_wiring import broker_access
from streams.deadletter.document import MaskedDocument, clear_document, masked_document
from streams.deadletter.reading import read_letters
from streams.domain.records import ReadyRecord
from streams.explain.captured import captured_as
from streams.explain.evidence import Evidence, Told
from streams.explain.finding import Asked, Hit, find
from streams.explain.gathering import gather, letters_called, subject_of
from streams.explain.logs import Logs
from streams.explain.standing import Standing, standings
from streams.explain.subject import Keys, RowName, Subject
from streams.explain.timeline import Event, changes_of, records_of, timeline
from streams.explain.unplaced import Unplaced, unplaced
from streams.mapping import Site, capture_sources, compile_site
from yibao.letters.asked import ask, progress, say, unkept
from yibao.reading_told import ReadingTold

_LETTERS_READ: Final = 50


class Content(NamedTuple):
    """What was made of a row, or told of it."""

    of: str
    """Which record, row or letter, as it may be seen."""
    document: MaskedDocument
    """Its fields; what is personal is masked, unless that was asked for."""

    def __repr__(self) -> str:
        """Without what it holds."""
        return "Content()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What is known of one visit, settlement or fee line."""

    hit: Hit
    """What was asked for."""
    visit: str
    """Its visit, as it may be seen."""
    partition: int
    """Of the visit, in every topic."""
    of: str
    """What was asked for, as it may be seen."""
    now: Sequence[Standing]
    """How its rows stand now, and those that it belongs to."""
    events: Sequence[Event]
    """What happened, the earliest first."""
    contents: Sequence[Content] = field(repr=False)
    """Its last records, its rows, and what its open letters say."""


def keys_of(site: Site, *, clear: bool) -> Keys:
    """How keys of a site may be seen. clear: whether all of them may."""
    return Keys(compile_site(site), clear=clear)


def logs_of(site: Site, *, deadline_s: float) -> Logs:
    """The topics of a site, with progress told on standard error."""
    return Logs(
        access=broker_access(site),
        topics=site.topics,
        partitions=site.kafka.partitions,
        home=site.workers.home,
        client_id=f"yibao-{site.site}",
        institutions=keys_of(site, clear=False).institutions,
        deadline_s=deadline_s,
        waits=lambda: typer.echo("another yibao brings an index up to date: waiting for it", err=True),
        unkept=unkept(site),
    )


def hits(logs: Logs, keys: Keys, key: str, asked: Asked) -> list[Hit]:
    """What a number means."""
    with progress("looking for the number") as told:
        return find(replace(logs, on_progress=lambda _topic: told), keys, key, asked)


def explained(site: Site, logs: Logs, hit: Hit, key: str, *, clear: bool) -> Explained:
    """Everything about one hit. key: the number that it was found by. clear: with nothing masked."""
    logs = replace(logs, on_progress=ReadingTold())
    found = gather(logs, hit, key, lambda question: _asked(site, question, logs.deadline_s))
    keys = keys_of(site, clear=clear)
    subject = subject_of(hit, found, keys)
    found = replace(found, captured=captured_as(logs, changes_of(found, subject)))
    return Explained(
        hit=hit,
        visit=keys.visit(hit.visit.decode()),
        partition=found.partition,
        of=f"visit {keys.visit(hit.visit.decode())}" if hit.row is None else keys.row(hit.row),
        now=standings(found, Subject(keys)),
        events=timeline(found, subject),
        contents=[*_contents(logs, found, subject, clear=clear)],
    )


def unplaced_in(site: Site, logs: Logs, keys: Keys, key: str) -> list[Unplaced]:
    """The rows with this number that wait for their header, or waited in vain."""
    sources = [source.name for source in capture_sources(site) if any(table.under for table in source.tables)]
    return [*unplaced(logs, keys, key, sources)]


def told_of(site: Site, key: str, *, deadline_s: float) -> list[Told]:
    """The letters with this number, for what no visit has."""
    return _asked(site, lambda index: letters_called(index, key), deadline_s)


class _View(NamedTuple):
    """As what a record's bytes are read to be shown."""

    value: bytes | None
    service: str
    stage: str = "deliver"

    def __repr__(self) -> str:
        return "_View()"


def _asked(site: Site, question: Callable[[sqlite3.Connection], list[Told]], deadline_s: float) -> list[Told]:
    found, freshness = ask(site, question, deadline_s=deadline_s)
    say(freshness, ())
    return found


def _contents(logs: Logs, found: Evidence, subject: Subject, *, clear: bool) -> Iterator[Content]:
    document = clear_document if clear else masked_document
    last: dict[tuple[str, str, str], ReadyRecord] = {
        (one.institution, one.service.value, one.record_key): one for one in records_of(found, subject) if one.value
    }
    for record in last.values():
        of = f"record {record.number}: {subject.keys.record(record.service.value, record.record_key)}"
        yield Content(of, document(_View(record.value, record.service.value)))
    for held in found.rows:
        name = RowName(held.row.source, held.row.table, held.row.key)
        if subject.means_row(name):
            value = orjson.dumps({"rows": {held.row.role.value: held.row.columns}})
            yield Content(f"row as it is known: {subject.keys.row(name)}", document(_View(value, "")))
    open_ones = [one.letter for one in found.letters if not one.letter.closed][:_LETTERS_READ]
    places = {(one.partition, one.offset) for one in open_ones}
    for view in read_letters(logs.access, logs.topics.dead, places, client_id=logs.client_id):
        yield Content(f"letter {view.id}", document(view))

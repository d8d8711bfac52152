"""Letters that a person closes: which ones, by what, and the messages that say so."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from streams.broker_wiring import client_options
from streams.deadletter.closing import (
    Closing,
    Confirmations,
    encode_closing,
    needs_evidence,
    read_confirmations,
)
from streams.deadletter.filter.grammar import Filter, parse, written
from streams.deadletter.filter.terms import Term
from streams.deadletter.index.pages import Letter, every, named
from streams.deadletter.index.selecting import Clock
from streams.domain.closings import ClosedBy
from streams.errors import Misconfigured, Unreachable
from streams.mapping import Site
from streams.topics.sole_writing import sole_writer
from streams.topics.writing import Message
from streams.wording import count_of
from yibao.audited import audited, concealed
from yibao.letters.asked import ask
from yibao.moments import now_ms
from yibao.persons import actor

_LONGEST_ID: Final = 32
_INDEX_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToClose:
    """What an order to close comes to, before anything is written."""

    letters: Sequence[tuple[Letter, str]]
    """The letters, each with what the platform confirmed, or `""`."""
    left: Sequence[str]
    """What stays open, and why."""


def by_reason(index: sqlite3.Connection, wanted: Filter, clock: Clock) -> ToClose:
    """Open letters that a reason closes. Those about reported records that have no row any more need evidence, and stay."""
    found = list(every(index, _open(wanted), clock))
    closed = [(letter, "") for letter in found if not needs_evidence(letter.dead_class, letter.rule)]
    left = len(found) - len(closed)
    about = count_of(left, "letter is", "letters are")
    told = [f"{about} about reported records without a row: they need --confirmation or --confirmations"] if left else []
    return ToClose(letters=closed, left=told)


def by_confirmation(index: sqlite3.Connection, wanted: Filter, clock: Clock, number: str) -> ToClose:
    """The one open letter that the platform's number is for."""
    found = list(every(index, _open(wanted), clock))
    if len(found) > 1:
        raise Misconfigured(f"one number is for one letter, and this filter means {len(found)}: give its id, or a file")
    return ToClose(letters=[(letter, number) for letter in found], left=())


def by_file(index: sqlite3.Connection, wanted: Filter, clock: Clock, confirmed: Confirmations) -> ToClose:
    """The open letters that a file names, each by what the platform confirmed."""
    found = [letter for letter in every(index, _open(wanted), clock) if needs_evidence(letter.dead_class, letter.rule)]
    closed: dict[str, tuple[Letter, str]] = {}
    left = list(confirmed.not_understood)
    for which, number in confirmed.numbers.items():
        mine = [letter for letter in found if which == letter.record_key or _is_id(which, letter)]
        if len(mine) == 1 and closed.setdefault(mine[0].id, (mine[0], number))[1] == number:
            continue
        left.append(f"{which}: {_why_not(len(mine))}")
    return ToClose(letters=list(closed.values()), left=left)


def confirmations_in(file: Path) -> Confirmations:
    """A file of them. Raises Misconfigured where it cannot be read."""
    try:
        return read_confirmations(file.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file} cannot be read as UTF-8 ({type(error).__name__})") from error


class Closings(NamedTuple):
    """What came of an order to close."""

    closed: int
    """Letters that it closed."""
    left: int
    """Letters that it left: they were closed, or failed again, after it had read them."""


def close(site: Site, order: ToClose, wanted: Filter, *, reason: str) -> Closings:
    """Note it, and write what closes the letters. Raises Unreachable and Refused: what was written closes, the same order does the
    rest.
    """
    audited(site, "dlq close", why=reason, facts={"filter": written(shown(wanted)), "letters": len(order.letters)})
    return close_each(site, [(letter, number, reason) for letter, number in order.letters])


def close_each(site: Site, letters: Sequence[tuple[Letter, str, str]]) -> Closings:
    """Write what closes letters, each by what the platform confirmed (`""`: by hand) and with its own reason. Whoever calls it
    notes it before. Raises as `close`.

    One command at a time closes the letters of a site. It reads them again when it is the one: what is closed by then, or was told
    again, is left, so that no letter is closed twice, nor for a failure that nobody looked at.
    """
    if not letters:
        return Closings(0, 0)
    with sole_writer(client_options(site), site.topics.dead, name=f"{site.topics.prefix}yibao-closing") as writer:
        as_read = _as_read(site, [letter for letter, _, _ in letters])
        still = [one for one in letters if one[0].id in as_read]
        closed = writer.write(_messages(still), otherwise="what was written counts; the same order closes the rest")
    return Closings(closed, len(letters) - closed)


def _as_read(site: Site, letters: Sequence[Letter]) -> set[str]:
    """Of these letters, those that are open, and were not told again since."""
    ids = [letter.id for letter in letters]
    now, freshness = ask(site, lambda index: {one.id: one for one in named(index, ids) if not one.closed}, deadline_s=_INDEX_S)
    if not freshness.complete:
        raise Unreachable("the brokers are too slow to read what came of the letters meanwhile: nothing was closed; try again")
    return {one.id for one in letters if one.id in now and now[one.id].offset == one.offset}


def _messages(letters: Sequence[tuple[Letter, str, str]]) -> Iterator[Message]:
    who, at = actor(), now_ms()
    for letter, number, reason in letters:
        by = ClosedBy.EVIDENCE if number else ClosedBy.HAND
        closing = Closing(id=letter.id, at=at, by=by, who=who, why=reason, evidence=number)
        yield Message(letter.partition, *encode_closing(closing))


def _open(wanted: Filter) -> Filter:
    """Of a filter, what is open: what is closed is not closed again."""
    return wanted.and_also(parse("open").terms)


def shown(wanted: Filter) -> Filter:
    """A filter as it may be kept: keys and words that a person typed may be a patient's."""
    return Filter(tuple(replace(one, values=_concealed(one)) for one in wanted.terms))


def _concealed(one: Term) -> tuple[str, ...]:
    return tuple(map(concealed, one.values)) if one.name in {"key", "text"} else one.values


def _is_id(which: str, letter: Letter) -> bool:
    return 6 <= len(which) <= _LONGEST_ID and letter.id.startswith(which.lower())


def _why_not(found: int) -> str:
    if found == 0:
        return "no open letter about a reported record without a row is called so"
    return "two numbers are given for one letter" if found == 1 else f"{found} letters are called so: give the id"

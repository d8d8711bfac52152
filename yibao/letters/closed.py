"""Letters that a person closes: which ones, by what, and the messages that say so."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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
from streams.deadletter.index.pages import Letter, every
from streams.deadletter.index.selecting import Clock
from streams.domain.closings import ClosedBy
from streams.errors import Misconfigured
from streams.mapping import Site
from streams.topics.writing import Message, write_messages
from yibao.audited import audited, concealed
from yibao.binding import actor
from yibao.moments import now_ms

_LONGEST_ID = 32


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
    told = [f"{left} letters are about reported records without a row: they need --confirmation or --confirmations"] if left else []
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


def close(site: Site, order: ToClose, wanted: Filter, *, reason: str) -> int:
    """Note it, and write what closes the letters; how many. Raises Unreachable: what was written closes, the same order does the
    rest.
    """
    audited(site, "dlq close", why=reason, facts={"filter": written(shown(wanted)), "letters": len(order.letters)})
    return close_each(site, ((letter, number, reason) for letter, number in order.letters))


def close_each(site: Site, letters: Iterable[tuple[Letter, str, str]]) -> int:
    """Write what closes letters, each by what the platform confirmed (`""`: by hand) and with its own reason; how many. Whoever
    calls it notes it before. Raises as `close`.
    """
    otherwise = "what was written counts; the same order closes the rest"
    return write_messages(client_options(site), site.topics.dead, _messages(letters), otherwise=otherwise)


def _messages(letters: Iterable[tuple[Letter, str, str]]) -> Iterable[Message]:
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

"""A filter as conditions of the index's tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from types import MappingProxyType
from typing import Final, NamedTuple

from streams.deadletter.causes import only_words
from streams.deadletter.filter.grammar import Filter
from streams.deadletter.filter.moments import moment_ms
from streams.deadletter.filter.terms import Status, Term
from streams.deadletter.index.texts import Begins
from streams.deadletter.index.texts import asked as search

OF_GROUP: Final[Mapping[str, str]] = MappingProxyType(
    {
        "class": "dead_class",
        "rule": "rule",
        "field": "field",
        "cause": "cause",
        "service": "service",
        "institution": "institution",
        "owner": "owner",
        "stage": "stage",
        "source": "source",
        "table": "row_table",
        "code": "code",
    }
)
"""Conditions that many letters share, by the column of `groups`."""

_NUMBERS: Final[Mapping[str, str]] = MappingProxyType({"attempts": "attempts", "replayed": "replays"})

_MEANT: Final[Mapping[str, frozenset[Status]]] = MappingProxyType(
    {
        Status.OPEN: frozenset({Status.OPEN}),
        Status.CLOSED: frozenset({Status.CLOSED}),
        Status.ANY: frozenset({Status.OPEN, Status.CLOSED}),
    }
)
_ID_DIGITS: Final = 32
_KEYS: Final = frozenset({"key", "id"})
_TIMES: Final = frozenset({"since", "until"})
_FOUND: Final = _KEYS | {"text"}
"""Conditions of letters for which there is an index."""
_EVER: Final = (-(1 << 60), 1 << 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What times in a filter count from."""

    now_ms: int
    """Of whoever asks."""
    zone: tzinfo
    """Of the site."""


class Condition(NamedTuple):
    """A condition and the values for its marks."""

    sql: str
    values: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A filter, taken apart. All of its conditions must hold."""

    groups: Sequence[Condition]
    """Over `groups`."""
    opened: bool
    """Whether open letters are meant."""
    closed: bool
    """Whether closed letters are meant."""
    letters: Sequence[Condition]
    """Over the rest of `letters`."""
    keyed: bool
    """Whether few letters are meant, which an index of their keys finds."""
    timed: bool
    """Whether letters of a time are meant."""
    worded: bool
    """Whether letters with some reasons are meant, which an index of reasons finds."""
    reasons: Sequence[Condition]
    """Over `reasons`, as `r`, where some are meant."""
    searched: str
    """What `searched` is asked for these; `""` where all reasons are looked through."""
    times: Sequence[Condition]
    """Over `letters.last`: a part of `letters`."""
    besides: Sequence[Condition]
    """As `seen`, without those that are over `reasons`."""
    seen: Sequence[Condition]
    """As `letters`, for who looks at letter after letter: nothing is made ready for all of them."""
    span: tuple[int, int] | None
    """The time (ms, the second excluded), where nothing else is asked of `letters`."""
    left_out: "Selection | None" = None
    """The letters that it leaves out of its groups, where keys, ids or reasons say which."""

    @property
    def status(self) -> Condition:
        """Over `letters`, as `l`."""
        if self.opened and self.closed:
            return Condition("1")
        return Condition("l.closed = 0" if self.opened else "l.closed > 0" if self.closed else "0")


def select(wanted: Filter, clock: Clock, begins: Begins) -> Selection:
    """The conditions of a filter. begins: which trigrams the reasons have."""
    keyed = any(one.name in _KEYS and not one.negated for one in wanted.terms)
    asked = [one for one in wanted.terms if one.name in _SEEN and not _of_words(one)]
    texts = [one for one in asked if one.name == "text" and not one.negated]
    reasons = [_any([_reason(value) for value in one.values]) for one in texts]
    searched = search([one.values for one in texts], begins)
    by_reason, meant = bool(reasons) and not keyed, _meant(wanted)
    by = _SEEN if keyed else _by(begins)
    letters = [_of_letter(one, {**by, "key": _key}, clock) for one in asked if keyed or one not in texts]
    whole = Selection(
        groups=[*_of_groups(wanted), *[_any([_perhaps(value) for value in one.values]) for one in texts]],
        opened=Status.OPEN in meant,
        closed=Status.CLOSED in meant,
        letters=[*letters, *([_with_reasons(both(reasons), searched)] if by_reason else [])],
        keyed=keyed,
        timed=any(one.name in _TIMES for one in wanted.terms),
        worded=by_reason,
        reasons=reasons,
        searched=searched,
        times=[_of_letter(one, _SEEN, clock) for one in asked if one.name in _TIMES],
        besides=[_of_letter(one, _SEEN, clock) for one in asked if one not in texts],
        seen=[_of_letter(one, _SEEN, clock) for one in asked],
        span=_span(wanted, clock),
    )
    return replace(whole, left_out=_left_out(whole, asked, clock, begins))


def _left_out(whole: Selection, asked: Sequence[Term], clock: Clock, begins: Begins) -> Selection | None:
    """What a filter leaves out, where that is all that it says of letters."""
    if not asked or not all(one.negated and one.name in _FOUND for one in asked):
        return None
    if all(one.name == "text" for one in asked):
        values = [value for one in asked for value in one.values]
        reasons, searched = _any([_reason(value) for value in values]), search([values], begins)
        letters = [_with_reasons(reasons, searched)]
        return replace(whole, letters=letters, worded=True, reasons=[reasons], searched=searched, besides=(), seen=())
    by = _by(begins)
    found = _any([by[one.name](value, clock) for one in asked for value in one.values])
    return replace(whole, letters=[found], keyed=True)


def _of_groups(wanted: Filter) -> Iterator[Condition]:
    for one in wanted.terms:
        if one.name in OF_GROUP:
            yield _turned(one, _among(OF_GROUP[one.name], one.values))
        elif one.name in _NUMBERS:
            yield _turned(one, _any([_number(_NUMBERS[one.name], value) for value in one.values]))
        elif _of_words(one):
            yield _turned(one, _any([_words(value) for value in one.values]))


def _of_letter(one: Term, by: Mapping[str, Callable[[str, Clock], Condition]], clock: Clock) -> Condition:
    return _turned(one, _any([by[one.name](value, clock) for value in one.values]))


def _meant(wanted: Filter) -> frozenset[Status]:
    meant = _MEANT[Status.ANY]
    for one in wanted.terms:
        if one.name in _MEANT:
            meant = meant - _MEANT[one.name] if one.negated else meant & _MEANT[one.name]
    return meant


def _span(wanted: Filter, clock: Clock) -> tuple[int, int] | None:
    asked = [one for one in wanted.terms if one.name in _SEEN]
    if not asked or any(one.negated or one.name not in {"since", "until"} for one in asked):
        return None
    at = {name: [_moment(one.values[0], clock) for one in asked if one.name == name] for name in ("since", "until")}
    return max(at["since"], default=_EVER[0]), min(at["until"], default=_EVER[1])


def _moment(value: str, clock: Clock) -> int:
    return moment_ms(value, now_ms=clock.now_ms, zone=clock.zone)


def both(conditions: Sequence[Condition]) -> Condition:
    """All of these at once."""
    values = tuple(value for one in conditions for value in one.values)
    return Condition(" AND ".join(f"({one.sql})" for one in conditions) or "1", values)


def _any(conditions: Sequence[Condition]) -> Condition:
    return Condition(" OR ".join(one.sql for one in conditions), tuple(value for one in conditions for value in one.values))


def _turned(one: Term, condition: Condition) -> Condition:
    return Condition(f"NOT ({condition.sql})", condition.values) if one.negated else condition


def _among(column: str, values: Sequence[str]) -> Condition:
    return Condition(f"{column} IN ({', '.join('?' * len(values))})", tuple(values))


def _key(value: str, _clock: Clock) -> Condition:
    keys = ("record_key", "row_key", "visit_key")
    # Said twice: the indexes of keys leave out those that are not known, and are used where that is asked, too.
    return Condition(" OR ".join(f"({key} = ? AND {key} <> '')" for key in keys), (value,) * len(keys))


def _key_seen(value: str, _clock: Clock) -> Condition:
    keys = "SELECT 1 FROM letters k WHERE k.number = l.number AND ? IN (k.record_key, k.row_key, k.visit_key)"
    return Condition(f"(? <> '' AND EXISTS ({keys}))", (value, value))


def _id(value: str, _clock: Clock) -> Condition:
    return Condition("l.id BETWEEN ? AND ?", tuple(bytes.fromhex(value.ljust(_ID_DIGITS, digit)) for digit in "0f"))


def _by(begins: Begins) -> Mapping[str, Callable[[str, Clock], Condition]]:
    """Conditions over `letters`, by name."""

    def text(value: str, _clock: Clock) -> Condition:
        return _with_reasons(_reason(value), search([[value]], begins))

    return {**_SEEN, "text": text, "key": _key}


def _with_reasons(found: Condition, searched: str) -> Condition:
    of = reasons_in(searched)
    return Condition(f"reason IN (SELECT r.id FROM {of.sql} AND ({found.sql}))", (*of.values, *found.values))


def by_reasons(asked: Selection, more: Sequence[Condition]) -> Condition:
    """The letters as `l` whose reasons are meant, with these conditions, too: tables and conditions. They come reason by reason, so
    that whoever has enough has read only so many of them.
    """
    of, where = reasons_in(asked.searched), both([*asked.reasons, *asked.besides, asked.status, *more])
    letters = "CROSS JOIN letters l INDEXED BY letters_by_reason ON l.reason = r.id"
    return Condition(f"(SELECT r.id, r.plain FROM {of.sql}) r {letters} WHERE {where.sql}", (*of.values, *where.values))


def reasons_in(searched: str) -> Condition:
    """The reasons as `r` that `searched` has for what it is asked, or all: tables, and the first condition."""
    if not searched:
        return Condition("reasons r WHERE 1")
    return Condition("searched s CROSS JOIN reasons r ON r.id = s.rowid WHERE s.searched MATCH ?", (searched,))


def _reason(value: str) -> Condition:
    """Over `reasons`, as `r`: what `searched` has for a text may have its trigrams elsewhere."""
    return Condition("instr(r.plain, ?)", (value.lower(),))


def _text_seen(value: str, _clock: Clock) -> Condition:
    return Condition("(SELECT instr(plain, ?) FROM reasons WHERE id = l.reason)", (value.lower(),))


def _of_words(one: Term) -> bool:
    """Whether it is of a text, and can be told of a group as a whole."""
    return one.name == "text" and all(only_words(value.lower()) for value in one.values)


def _words(value: str) -> Condition:
    return Condition("instr(words, ?)", (value.lower(),))


def _perhaps(value: str) -> Condition:
    """Whether a group may have reasons with a text: it stands in its words, or some of that varies."""
    return Condition("(instr(words, '#') OR instr(words, ?))", (value.lower(),))


def _since(value: str, clock: Clock) -> Condition:
    return Condition("last >= ?", (_moment(value, clock),))


def _until(value: str, clock: Clock) -> Condition:
    return Condition("last < ?", (_moment(value, clock),))


def _number(column: str, value: str) -> Condition:
    digits = value.lstrip("<>=")
    return Condition(f"{column} {value.removesuffix(digits) or '='} ?", (int(digits),))


_SEEN: Final[Mapping[str, Callable[[str, Clock], Condition]]] = MappingProxyType(
    {"key": _key_seen, "id": _id, "text": _text_seen, "since": _since, "until": _until}
)
"""Conditions of letters, by name."""

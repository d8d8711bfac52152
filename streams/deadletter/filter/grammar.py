"""A filter of dead letters as text, and back. `parse(written(x)) == x` for every filter."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from streams.deadletter.filter.terms import CONDITIONS, NotAFilter, Status, Term, term
from streams.wording import nearest

_NOT: Final = "not"
_BARE: Final = re.compile(r'[^\s",\\]+')
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_NAME: Final = re.compile(r"[^\s:\",]+")


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are meant: those for which all terms hold."""

    terms: tuple[Term, ...] = ()

    @property
    def status(self) -> bool:
        """Whether it says itself if open or closed letters are meant."""
        return any(one.name in Status.__members__.values() for one in self.terms)

    def with_default(self) -> "Filter":
        """The same of open letters, where it says nothing of that."""
        return self if self.status else Filter((*self.terms, Term(Status.OPEN)))

    def and_also(self, more: Iterable[Term]) -> "Filter":
        """The same with more conditions."""
        return Filter((*self.terms, *more))


def parse(text: str) -> Filter:
    """The filter that a text says. Raises NotAFilter: it names the word, and what was probably meant."""
    return Filter(tuple(_terms(_Cursor(text))))


def written(wanted: Filter) -> str:
    """The text of a filter: what a person would write, what a plan keeps, what stands behind `?q=` of an address."""
    return " ".join(_written(one) for one in wanted.terms)


class _Cursor:
    """A place in the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What stands here, if it has this form; the place is behind it then."""
        found = pattern.match(self._text, self._at)
        if found is not None:
            self._at = found.end()
        return found

    def goes_on(self, mark: str) -> bool:
        """Whether this mark stands here; the place is behind it then."""
        if self._text.startswith(mark, self._at):
            self._at += len(mark)
            return True
        return False

    def skip_blanks(self) -> bool:
        """Whether there is more behind the blanks."""
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._at < len(self._text)

    def is_between_words(self) -> bool:
        return self._at == len(self._text) or self._text[self._at].isspace()

    def here(self) -> str:
        return self._text[self._at : self._at + 20]


def _terms(at: _Cursor) -> Iterator[Term]:
    negated = False
    while at.skip_blanks():
        name = _name(at)
        if name.lower() == _NOT and not at.goes_on(":"):
            if negated:
                raise NotAFilter("not not: one of them is too many")
            negated = True
            continue
        yield _term(at, name.lower(), negated=negated)
        negated = False
    if negated:
        raise NotAFilter("not: a condition must stand behind it, such as `not closed` or `not owner:clerk`")


def _name(at: _Cursor) -> str:
    found = at.take(_NAME)
    if found is None:
        raise NotAFilter(f"`{at.here()}`: a condition begins with its name, such as class:VALIDATION")
    return found[0]


def _term(at: _Cursor, name: str, *, negated: bool) -> Term:
    if not at.goes_on(":"):
        if name in Status.__members__.values():
            _end(at, name)
            return term(name, negated=negated)
        known = [*(f"{one}:" for one in CONDITIONS), *Status, _NOT]
        raise NotAFilter(f"`{name}`: no condition{nearest(name, known)}; write name:value, such as class:VALIDATION, or {_words()}")
    if name in Status.__members__.values():
        raise NotAFilter(f"{name}: takes no value")
    values = [_value(at, name)]
    while at.goes_on(","):
        values.append(_value(at, name))
    _end(at, name)
    return term(name, values, negated=negated)


def _value(at: _Cursor, name: str) -> str:
    if (quoted := at.take(_QUOTED)) is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    if (bare := at.take(_BARE)) is not None:
        return bare[0]
    rest = at.here()
    raise NotAFilter(f"{name}: `{rest}` is no value" if rest.strip() else f"{name}: the value is missing behind the colon or comma")


def _end(at: _Cursor, name: str) -> None:
    if not at.is_between_words():
        raise NotAFilter(
            f"{name}: `{at.here()}` is too much behind the value; one with blanks, commas or quotes stands in double quotes"
        )


def _words() -> str:
    return f"{', '.join(list(Status)[:-1])} or {list(Status)[-1]}"


def _written(one: Term) -> str:
    values = ",".join(_shown(value) for value in one.values)
    return f"{'not ' if one.negated else ''}{one.name}{f':{values}' if one.values else ''}"


def _shown(value: str) -> str:
    if _BARE.fullmatch(value) is not None:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

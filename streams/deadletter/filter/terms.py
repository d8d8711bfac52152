r"""What a filter of dead letters can ask: the closed table of its conditions, and how a value of each is written. Pure.

    class:VALIDATION rule:R7,R9 since:24h not owner:clerk text:"金额 不平" closed

Conditions stand beside each other and all must hold. `name:value` holds where the letter has that value; of several values, divided
by commas, one. `not` turns the condition behind it round. `open` and `closed` are whole conditions; a filter with neither asks
for open letters, one with `any` for both. A value with a blank, a comma, a quote or a backslash in it stands in double quotes,
where `\"` is a quote and `\\` a backslash; `name:""` asks for letters where that is not known.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from streams.deadletter.owners import Owner
from streams.domain.violations import DeadClass
from streams.errors import Misconfigured
from streams.spec.fields import ServiceCode
from streams.spec.masking import HIDDEN
from streams.wording import nearest

_SPAN: Final = re.compile(r"[0-9]{1,6}[mhd]")
_NUMBER: Final = re.compile(r"(>=|<=|>|<|=|)([0-9]{1,9})")
_ID: Final = re.compile(r"[0-9a-f]{1,32}")
_STAGES: Final = ("join", "deliver")


class Status(StrEnum):
    """Conditions that are one word. OPEN: nothing closed the letter. CLOSED: something did. ANY: either."""

    OPEN = "open"
    CLOSED = "closed"
    ANY = "any"


class NotAFilter(Misconfigured):
    """A text that is no filter of dead letters. It says where, and what was probably meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One name that a filter knows."""

    name: str
    """As it is written before the colon."""
    means: str
    """What letters it holds for."""
    canonical: Callable[[str], str]
    """A value as it is kept and printed. Raises NotAFilter."""


def _as_it_is(value: str) -> str:
    return value


def _one_of(name: str, known: Iterable[str]) -> Callable[[str], str]:
    spelt = {one.lower(): one for one in known}

    def canonical(value: str) -> str:
        if (found := spelt.get(value.lower())) is None:
            every = list(spelt.values())
            raise NotAFilter(f"{name}:{value}: no {name} is called so{nearest(value, every)}; there are {', '.join(every)}")
        return found

    return canonical


def _id(value: str) -> str:
    if _ID.fullmatch(value.lower()) is None:
        raise NotAFilter(f"id:{value}: an id, or its beginning, is made of the digits 0-9 and a-f")
    return value.lower()


def _number(name: str) -> Callable[[str], str]:
    def canonical(value: str) -> str:
        if (found := _NUMBER.fullmatch(value)) is None:
            raise NotAFilter(f"{name}:{value}: write a number, or one behind >, >=, < or <=")
        sign = "" if found[1] == "=" else found[1]
        return f"{sign}{int(found[2])}"

    return canonical


def _time(name: str) -> Callable[[str], str]:
    def canonical(value: str) -> str:
        if _SPAN.fullmatch(value) is None:
            try:
                datetime.fromisoformat(value)
            except ValueError:
                raise NotAFilter(
                    f"{name}:{value}: write a span such as 30m, 2h, 7d, or a time such as 2024-05-01 or 2024-05-01T08:00"
                ) from None
        return value

    return canonical


def _key(value: str) -> str:
    if value == HIDDEN:
        raise NotAFilter(f"key:{value}: hidden keys cannot be looked for")
    return value


def _text(value: str) -> str:
    if not value or "*" in value:
        raise NotAFilter(f"text:{value}: masked words cannot be looked for; write a part of the reason that is no mask")
    return value


_CONDITIONS: Final = (
    Condition(name="class", means="class of the letter, such as VALIDATION", canonical=_one_of("class", DeadClass)),
    Condition(name="rule", means="rule that it broke, such as R7 or REQUIRED", canonical=_as_it_is),
    Condition(name="field", means="interface field that is wrong, such as MED_TYPE", canonical=str.upper),
    Condition(name="cause", means="value that caused it: a code, an item, a column, a lookup", canonical=_as_it_is),
    Condition(name="service", means="service of the record", canonical=_one_of("service", ServiceCode)),
    Condition(name="institution", means="FIXMEDINS_CODE", canonical=_as_it_is),
    Condition(name="owner", means="who mends it", canonical=_one_of("owner", Owner)),
    Condition(name="stage", means="stage that gave the record up", canonical=_one_of("stage", _STAGES)),
    Condition(name="source", means="source of the row in site.yaml", canonical=_as_it_is),
    Condition(name="table", means="table of the row, as schema.table", canonical=_as_it_is),
    Condition(name="key", means="key of the record, of its row or of its visit, as far as keys are shown", canonical=_key),
    Condition(name="code", means="answer code of the platform", canonical=_as_it_is),
    Condition(name="attempts", means="how often it was tried: 3, >3, <=3", canonical=_number("attempts")),
    Condition(name="replayed", means="how often it was replayed: 0, >=1", canonical=_number("replayed")),
    Condition(name="since", means="failed last at this time or later: 2h, 7d, 2024-05-01T08:00", canonical=_time("since")),
    Condition(name="until", means="failed last before this time", canonical=_time("until")),
    Condition(name="text", means="words in the reason, in whatever case; masked words are not searched", canonical=_text),
    Condition(name="id", means="beginning of the letter's id", canonical=_id),
)

CONDITIONS: Final[Mapping[str, Condition]] = MappingProxyType({one.name: one for one in _CONDITIONS})
"""By name, in the order in which help shows them."""

SINGLE: Final = frozenset({"since", "until"})
"""Conditions of one value."""


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a filter."""

    name: str
    """A name of `CONDITIONS`, or a word of `Status`."""
    values: tuple[str, ...] = ()
    """One of them must fit. None of a word of `Status`."""
    negated: bool = False
    """Whether `not` stands before it."""


def term(name: str, values: Iterable[str] = (), *, negated: bool = False) -> Term:
    """A condition with its values as they are kept. Raises NotAFilter for a name or value that none is."""
    if name in Status.__members__.values():
        if negated and name == Status.ANY:
            raise NotAFilter("not any: no letter is neither open nor closed")
        return Term(name, (), negated)
    if (condition := CONDITIONS.get(name)) is None:
        known = [*CONDITIONS, *Status]
        raise NotAFilter(f"{name}: no condition is called so{nearest(name, known)}; there are {', '.join(known)}")
    kept = tuple(dict.fromkeys(condition.canonical(value) for value in values))
    if not kept or (name in SINGLE and len(kept) > 1):
        raise NotAFilter(f"{name}: takes {'one value' if name in SINGLE else 'a value'}: {condition.means}")
    return Term(name, kept, negated)


def grammar() -> str:
    """The conditions and what they mean, a line each: for the help and the documentation."""
    return "\n".join(f"  {f'{one.name}:':<13}{one.means}" for one in _CONDITIONS)

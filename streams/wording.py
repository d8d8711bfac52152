"""What is wrong with a value that a person wrote, in words that say what to write instead; and numbers with their nouns. Pure.

The models of files, faults and options are pydantic's, and so are the kinds of fault that are named here; its own words speak to
programmers ("Input should be a valid dictionary") and never reach a person.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Final

_UNFIT: Final = "does not fit here"

_PLAIN: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "unexpected_keyword_argument": "is not known here",
    "string_type": "must be a text",
    "path_type": "must be the name of a file or folder",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number with fewer digits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number, and not without end",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must hold `name: value` entries",
    "mapping_type": "must hold `name: value` entries",
    "model_type": "must hold `name: value` entries",
    "dataclass_type": "must hold `name: value` entries",
}
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "must be at least {}"),
    "greater_than": ("gt", "must be more than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "less_than": ("lt", "must be less than {}"),
    "string_too_long": ("max_length", "is longer than {} characters"),
    "too_long": ("max_length", "has more than {} entries"),
}


def in_words(kind: str, context: Mapping[str, object], *, message: str = "", written: object = None) -> str:
    """What is wrong, to stand behind the name of the place. kind, context, message: of the error; written: what stands there.

    The value itself is never repeated: it may be a password at the wrong place.
    """
    if written is None and kind not in _SPEAK_FOR_THEMSELVES:
        return "is empty"
    if kind in _SPOKEN:
        return _SPOKEN[kind](context, message, written)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return words.format(context[name])
    return _PLAIN.get(kind, _UNFIT)


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean …?)` for a misspelt name, or nothing."""
    names = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(name.lower(), names, n=1, cutoff=0.6)
    return f" (did you mean `{names[found[0]]}`?)" if found else ""


def count_of(number: int, one: str, many: str = "") -> str:
    """A number with its noun: `1 record`, `0 records`, `2 records`. many: where that is more than an `s` behind it."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def choices(expected: str) -> list[str]:
    """The values in pydantic's `'a', 'b' or 'c'`."""
    return [value.strip("'") for value in re.split(r", | or ", expected)]


def _one_of(context: Mapping[str, object], _message: str, written: object) -> str:
    known = choices(f"{context['expected']}")
    return f"must be {'' if len(known) == 1 else 'one of '}{', '.join(known)}{nearest(f'{written}', known)}"


def _own(context: Mapping[str, object], message: str, _written: object) -> str:
    """What a validator of ours raised, or what stands at the form of a text (`Form`)."""
    return f"{context.get('error', message)}"


def _too_short(context: Mapping[str, object], _message: str, _written: object) -> str:
    least = context["min_length"]
    return "must not be empty" if least == 1 else f"needs at least {least}"


_SPOKEN: Final[Mapping[str, Callable[[Mapping[str, object], str, object], str]]] = {
    "literal_error": _one_of,
    "enum": _one_of,
    "value_error": _own,
    "assertion_error": _own,
    "form": _own,
    "string_too_short": _too_short,
    "too_short": _too_short,
}
_SPEAK_FOR_THEMSELVES: Final = frozenset(
    {"missing", "extra_forbidden", "unexpected_keyword_argument", "value_error", "assertion_error"}
)

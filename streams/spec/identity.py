"""Numbers that identify people and institutions: what they are made of and whether they can be right."""

import re
from datetime import date
from functools import lru_cache
from typing import Final

FIXMEDINS_CODE: Final = re.compile(r"[HP][0-9]{11}")
"""Code of an institution: H hospital or P pharmacy, six digits area, five digits serial. Use with `fullmatch`."""

_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS: Final = "10X98765432"
_REMEMBERED: Final = 4096
"""Numbers whose answers are kept: a person's comes with the visit, its changes and its settlements."""
_RESIDENT_ID: Final = re.compile(r"[1-9][0-9]{16}[0-9Xx]")


def check_digit(first_17: str) -> str:
    """The last character of a resident ID (GB 11643) whose first 17 digits are given. Raises ValueError for anything else."""
    if len(first_17) != len(_WEIGHTS) or not (first_17.isascii() and first_17.isdecimal()):
        raise ValueError("a resident ID's check digit is computed from exactly 17 digits")
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(first_17, _WEIGHTS, strict=True)) % 11]


def with_capital_x(text: str) -> str:
    """An 18-character resident ID with `X` where `x` ends it, as GB 11643 writes it; every other text as it is."""
    return text.upper() if text[-1:] == "x" and _RESIDENT_ID.fullmatch(text) is not None else text


@lru_cache(maxsize=_REMEMBERED)
def birth_date(resident_id: str) -> date | None:
    """The date of birth that an 18-character resident ID states; None where it has another shape or no such day exists."""
    if _RESIDENT_ID.fullmatch(resident_id) is None:
        return None
    try:
        return date(int(resident_id[6:10]), int(resident_id[10:12]), int(resident_id[12:14]))
    except ValueError:
        return None


def sex(resident_id: str) -> str | None:
    """GEND (`1` male, `2` female) that an 18-character resident ID states; None where it has another shape."""
    if _RESIDENT_ID.fullmatch(resident_id) is None:
        return None
    return "1" if int(resident_id[16]) % 2 else "2"


@lru_cache(maxsize=_REMEMBERED)
def valid_resident_id(text: str) -> bool:
    """Whether this is an 18-character resident ID with a day of birth that exists and the right check digit (`x` counts as `X`)."""
    return birth_date(text) is not None and text[17].upper() == check_digit(text[:17])


def valid_fixmedins_code(text: str) -> bool:
    """Whether this has the shape of an institution's code."""
    return FIXMEDINS_CODE.fullmatch(text) is not None

"""Which reversed settlements of a visit are to be judged, and when (rule R25).

A settlement whose amount is below 0 has an entry beside the visit's rows until then. Entry key: that of its row, with `n` for the
role letter. Entry value: `w`, the 13 digits of the time (ms) at which it is judged, `-` and a JSON array: its form. Versions that
know none pass it over.
"""

from typing import Final

import orjson

from connector.contract import TableRole
from streams.domain.join.entries import SEPARATOR, role_letter
from streams.errors import Newer

FORM: Final = 1
_LETTER: Final = b"n"
_SETTLEMENT: Final = role_letter(TableRole.SETTLEMENT)
_DOCUMENT: Final = 15


def key_of(where: bytes) -> bytes:
    """The state key beside that of a settlement's row."""
    visit_key, _, rest = where.split(SEPARATOR, 2)
    return SEPARATOR.join((visit_key, _LETTER, rest))


def is_reversal(key: bytes) -> bool:
    """Whether a state key is of one, and not of a row."""
    after = key.find(SEPARATOR) + 1
    return key[after : after + 2] == _LETTER + SEPARATOR


def row_of(key: bytes) -> bytes:
    """The state key of the row."""
    visit_key, _, rest = key.split(SEPARATOR, 2)
    return SEPARATOR.join((visit_key, _SETTLEMENT, rest))


def source_in(key: bytes) -> str:
    """The source of the row."""
    return key.split(SEPARATOR, 3)[2].decode()


def dump(at: int) -> bytes:
    """The state value. at: when it is judged (ms)."""
    return b"w%013d-[%d]" % (at, FORM)


def load(value: bytes) -> int:
    """When it is judged (ms). Raises Newer where a later version wrote it."""
    (form, *_) = orjson.loads(value[_DOCUMENT:])
    if form > FORM:
        raise Newer(f"a reversed settlement in visit.state (form {form}; this version knows {FORM})")
    return int(value[1 : _DOCUMENT - 1])

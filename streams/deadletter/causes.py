"""What caused a dead letter, in as few words as many letters share: which field, and which code, item, column or lookup. Pure.

Forty thousand letters of a night usually have three causes; what is told here is what they are counted by. Nothing personal: a
value is told only of fields that hold codes, and only as a letter shows it.
"""

import re
from typing import Final, NamedTuple

import orjson

from streams.domain.violations import DeadClass
from streams.spec.interface import PERSONAL, SERVICES
from streams.spec.masking import mask_text

MISSING_LOOKUP: Final = "MISSING_LOOKUP"
"""Rule of letters whose cause is a row that a lookup lacks."""

LONGEST: Final = 60
"""Characters of a cause."""

LONGEST_ROW: Final = 160
"""Characters of a cause that is a row: one without the end of its key would be another row."""

_WORD: Final = r"[^\s,，;；。、:：/\[\]【】()（）]*"
_MASK: Final = re.compile(rf"(?:{_WORD}[:：]\s*)?{_WORD}\*{_WORD}")
"""A word that is masked, with its label."""
_NUMBER: Final = re.compile(r"\d+")
_VARYING: Final = "a-z0-9_./-"
_VARIED: Final = re.compile(rf"(?<![{_VARYING}])[a-z_./-]*+[0-9][{_VARYING}]*+")
_MAY_VARY: Final = re.compile(rf"[#{_VARYING}]")
_CODED: Final = frozenset(
    field.name
    for service in SERVICES.values()
    for field in service.fields
    if (field.coded or field.dictionary is not None) and field.name not in PERSONAL
)
_FIELDS: Final = frozenset(field.name for service in SERVICES.values() for field in service.fields)
_REJECTED: Final = "平台拒收："
_OF_A_LOOKUP: Final = "（R24）："
_HELD_BELOW: Final = "；所属的结算、费用明细"
_TABLE: Final = re.compile(r"表 (\S+)")
_OF_A_ROW: Final = frozenset({DeadClass.MAPPING, DeadClass.SCHEMA_DRIFT, DeadClass.WITHDRAWN})


class Cause(NamedTuple):
    """What letters are counted by, besides class and rule."""

    field: str
    """Interface field that is wrong; `""` where it is about none."""
    value: str
    """The code, item, column, table or lookup; of a refusal the platform's words without their numbers; `""` where many differ."""


def cause_of(dead_class: str, rule: str, message: str, value: bytes | None) -> Cause:
    """The cause of a letter with these headers. value: of its message; nothing of it is told but a violation's field and code."""
    if dead_class == DeadClass.REJECTED:
        return Cause(_field_in(message), _words(message))
    if rule == MISSING_LOOKUP:
        return Cause("", _lookup_row(message))
    if dead_class == DeadClass.JOIN_INCOMPLETE or rule == "MISSING_COLUMN":
        return Cause("", _named_last(message))
    field, masked = _first_violation(value, rule)
    if field in _FIELDS:
        return Cause(field, _told(masked) if field in _CODED or dead_class == DeadClass.DICTIONARY else "")
    table = _TABLE.search(message) if dead_class in _OF_A_ROW else None
    return Cause("", _told(table[1]) if table else "")


def searchable(message: str) -> str:
    """A message as far as it may be looked through: without the words that are masked, in small letters."""
    return (_MASK.sub("", message) if "*" in message else message).lower()


def words_of(plain: str) -> str:
    """What a searchable text has in common with many: with `#` for each word that has a digit in it, such as a key or an amount."""
    return _VARIED.sub("#", plain)


def only_words(text: str) -> bool:
    """Whether a text, in small letters, stands in a searchable one exactly where it stands in the words of that."""
    return _MAY_VARY.search(text) is None


def _told(masked: str) -> str:
    return "" if "*" in masked or mask_text(masked) != masked else masked[:LONGEST]


def _first_violation(value: bytes | None, rule: str) -> tuple[str, str]:
    """Field and value of the first violation under the letter's rule."""
    if value is None or b'"violations"' not in value:
        return "", ""
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return "", ""
    found = document.get("violations") if isinstance(document, dict) else None
    for one in found if isinstance(found, list) else ():
        if isinstance(one, dict) and one.get("rule") == rule and one.get("level") == "refuse":
            return f"{one.get('field', '')}", f"{one.get('masked', '')}"
    return "", ""


def _field_in(message: str) -> str:
    return next((word for word in re.findall(r"[A-Z][A-Z0-9_]+", message) if word in _FIELDS), "")


def _words(message: str) -> str:
    words = message.removeprefix(_REJECTED).partition(_HELD_BELOW)[0]
    return " ".join(_NUMBER.sub("#", _MASK.sub("", words)).split())[:LONGEST]


def _lookup_row(message: str) -> str:
    """Table, columns and key of the first, as `his.ward.code=W12`, without a hidden key. Earlier versions named the lookup."""
    name, equals, key = message.partition(_OF_A_LOOKUP)[2].partition("；")[0].partition("=")
    told = mask_text(f"{name}{equals}{key}")
    return (name if "*" in told else told)[:LONGEST_ROW]


def _named_last(message: str) -> str:
    """What stands behind the last colon: a lookup, a column, a table. Of a row (`his.bill/77`) the table."""
    _, colon, name = message.rpartition("：")
    return _told(name.partition("/")[0].strip()) if colon else ""

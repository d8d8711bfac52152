"""What a person may see of a dead letter's value.

Three kinds of value: the source rows of a record that could not be made (`rows`, `violations`), an interface record that the
platform refused, and bytes that nobody could read. Only an interface record has fields whose meaning is known; of everything else
no value is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Protocol

import orjson

from streams.spec.masking import HIDDEN, mask, mask_text
from streams.spec.profiles import REPORTING

_SERVICES = {code.value: service for code, service in REPORTING.services.items()}

NULL = "NULL"


class Held(Protocol):
    """What is known of a letter whose value is read."""

    @property
    def value(self) -> bytes | None: ...
    @property
    def service(self) -> str: ...
    @property
    def stage(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedViolation:
    """A violation as it stands in the document. Its value was masked when it was written."""

    field: str
    """Interface field."""
    rule: str
    """Id of the rule."""
    level: str
    """`refuse` or `warn`."""
    clause: str
    """Where the rule is written."""
    masked: str
    """The offending value, masked."""
    message: str
    """One sentence in Chinese for the clerk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedDocument:
    """The value of a dead letter, masked."""

    rows: Mapping[str, Mapping[str, str]]
    """By part (`visit`, `settlement`, `fee`) and column: `***` or `NULL`."""
    record: Mapping[str, str]
    """Value by interface field, personal ones masked."""
    violations: tuple[MaskedViolation, ...]
    """What is wrong with the rows."""
    unread: int | None
    """Size in bytes of a value that is neither rows nor a record; None otherwise."""


def masked_document(view: Held) -> MaskedDocument:
    """What may be shown of `view.value`. Never raises: what cannot be read is not shown."""
    return _masked(_object(view.value), view)


def clear_document(view: Held) -> MaskedDocument:
    """The same with nothing masked, for who may see it. Never raises; what cannot be read is not shown."""
    return both_documents(view)[1]


def both_documents(view: Held) -> tuple[MaskedDocument, MaskedDocument]:
    """The value masked, without its rows, of which nothing would be seen; and with nothing masked."""
    decoded = _object(view.value)
    rows = decoded.get("rows")
    if isinstance(rows, dict):
        violations = _violations(decoded.get("violations"))
        clear = {part: _clear(row) for part, row in rows.items() if isinstance(row, dict)}
        return (
            MaskedDocument(rows={}, record={}, violations=violations, unread=None),
            MaskedDocument(rows=clear, record={}, violations=violations, unread=None),
        )
    masked = _masked(decoded, view)
    return masked, replace(masked, record=_clear(decoded)) if masked.record else masked


def _masked(decoded: Mapping[str, object], view: Held) -> MaskedDocument:
    if isinstance(rows := decoded.get("rows"), dict):
        return MaskedDocument(rows=_rows(rows), record={}, violations=_violations(decoded.get("violations")), unread=None)
    if record := _record(decoded, view):
        return MaskedDocument(rows={}, record=record, violations=(), unread=None)
    return MaskedDocument(rows={}, record={}, violations=(), unread=len(view.value or b""))


def _clear(row: Mapping[str, object]) -> Mapping[str, str]:
    return {name: NULL if value is None else f"{value}" for name, value in row.items()}


def _object(value: bytes | None) -> Mapping[str, object]:
    try:
        decoded = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _rows(rows: Mapping[str, object]) -> Mapping[str, Mapping[str, str]]:
    """Columns with hidden values: nobody knows which of a hospital's columns hold a name. NULL is shown, because it is often what
    is wrong.
    """
    return {
        part: {column: NULL if value is None else HIDDEN for column, value in row.items()}
        for part, row in rows.items()
        if isinstance(row, dict)
    }


def _record(decoded: Mapping[str, object], view: Held) -> Mapping[str, str]:
    """The fields of the service, each masked as it demands; empty where the value is no record of the service."""
    service = _SERVICES.get(view.service)
    if service is None or view.stage != "deliver":
        return {}
    known = {field.name for field in service.fields}
    return {
        name: mask_text(mask(name, value)) if name in known and isinstance(value, str) else HIDDEN
        for name, value in decoded.items()
    }


def _violations(found: object) -> tuple[MaskedViolation, ...]:
    if not isinstance(found, list):
        return ()
    return tuple([_violation(*[str(one.get(name, "")) for name in _SAID]) for one in found if isinstance(one, dict)])


_SAID: Final = tuple(MaskedViolation.__slots__)


@lru_cache(1_024)
def _violation(*said: str) -> MaskedViolation:
    """Of a hundred thousand letters most have one of a few hundred violations."""
    return MaskedViolation(**dict(zip(_SAID, map(_said, said), strict=True)))


@lru_cache(1_024)
def _said(text: str) -> str:
    """What a violation says, masked: of a hundred thousand letters most say the same."""
    return mask_text(text)

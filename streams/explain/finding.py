"""Which visit, settlement or fee line a number means: by the key of the visit, of the row, or of the record."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from connector.contract import TableRole
from streams.domain.changes import Incoming
from streams.domain.join.entries import visit_key_of
from streams.domain.join.stored import StoredRow
from streams.domain.place.partitions import partition_of
from streams.domain.roles import REPORTED, SERVICE_OF
from streams.explain.decoding import gone_in, row_in
from streams.explain.logs import Logs
from streams.explain.remembered import GONE, Entry, called, of_visit, sought_called, sought_of_visit
from streams.explain.subject import Keys, RowName
from streams.spec.fields import ServiceCode

_LETTER_OF: Final = {one.service.value: one.prefix for one in REPORTED}
_VISIT: Final = ServiceCode.VISIT.value


class Hit(NamedTuple):
    """What a number may mean."""

    visit: bytes
    """Key of the visit."""
    row: RowName | None
    """The row; None: the whole visit."""
    service: str
    """As what it is reported."""
    institution: str
    """FIXMEDINS_CODE; `""` where it is not known."""
    record: str
    """Key of its record; `""` where none was made."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Hit(service={self.service!r}, institution={self.institution!r})"


class Asked(NamedTuple):
    """What a number may mean only. `""`: that is not said."""

    service: str = ""
    """As what it is reported."""
    source: str = ""
    """Source in site.yaml."""
    institution: str = ""
    """FIXMEDINS_CODE."""
    table: str = ""
    """Table of a settlement's or line's row: one that moved stands in several."""


def find(logs: Logs, keys: Keys, key: str, asked: Asked) -> list[Hit]:
    """All that a number means. A visit's own key says in which partition to look, and goes before everything else: where there is
    such a visit, and no other service is asked for, no other meaning is looked for. Raises as `Logs.state`.
    """
    visit = key.encode()
    if not asked.table and asked.service in ("", _VISIT) and (found := _visit(logs, keys, visit, asked)):
        return found
    roles = {_LETTER_OF[asked.service], GONE} if asked.service else {*_LETTER_OF.values(), GONE}
    named = logs.state(lambda index: called(index, key), looked_for=sought_called(key))
    entries = [one for one in named if one.role in roles and asked.source in ("", one.source)]
    hits = {hit: None for message in messages_of(logs, entries) if (hit := _meant(message, keys, key)) and _is_asked(hit, asked)}
    return list(hits)


def _is_asked(hit: Hit, asked: Asked) -> bool:
    table = "" if hit.row is None else hit.row.table
    return asked.service in ("", hit.service) and asked.institution in ("", hit.institution) and asked.table in ("", table)


def messages_of(logs: Logs, entries: Iterable[Entry]) -> list[Incoming]:
    """The messages of these entries, as far as they are still the latest of their keys."""
    return [one for one in logs.at(logs.topics.state, {entry.place for entry in entries}) if one.key and one.value]


def _visit(logs: Logs, keys: Keys, visit: bytes, asked: Asked) -> list[Hit]:
    partition = partition_of(visit.decode(), logs.partitions)
    of_all = logs.state(lambda index: of_visit(index, visit), [partition], sought_of_visit(visit))
    entries = [one for one in of_all if asked.source in ("", one.source)]
    heads = [one for one in entries if one.role == _LETTER_OF[_VISIT]]
    found = [one for one in messages_of(logs, heads or entries[:1]) if visit_key_of(one.key or b"") == visit]
    if not found:
        return []
    rows = [row for one in found if (row := row_in(one)) is not None and row.role is TableRole.VISIT]
    named = {(name, record) for row in rows for name, record in [_record(row, keys)]} or {("", "")}
    return [Hit(visit, None, _VISIT, *one) for one in sorted(named) if asked.institution in ("", one[0])][:1]


def _meant(message: Incoming, keys: Keys, key: str) -> Hit | None:
    visit, row = visit_key_of(message.key or b""), row_in(message)
    if row is None:
        gone = gone_in(message)
        if gone is None:
            return None
        institution, _, record = gone.record.partition("/")
        name = RowName(gone.source, gone.table, gone.key)
        return Hit(visit, name, SERVICE_OF[gone.role].value, institution, record) if key in ("/".join(gone.key), record) else None
    institution, record = _record(row, keys)
    if key not in ("/".join(row.key), record):
        return None
    whole = row.role is TableRole.VISIT
    name_of_row = None if whole else RowName(row.source, row.table, row.key)
    return Hit(visit, name_of_row, SERVICE_OF[row.role].value, institution, record)


def _record(row: StoredRow, keys: Keys) -> tuple[str, str]:
    """Institution and key of a row's record."""
    institution, _, record = row.reported_as.partition("/")
    return institution or keys.institution(row.source, row.role, row.columns), record

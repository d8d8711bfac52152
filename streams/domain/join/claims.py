"""As which records rows are reported, or which they claim, read from state entries without parsing the rows."""

from collections.abc import Mapping

import orjson

from connector.contract import TableRole
from streams.domain.join.entries import WITH_BENEATH
from streams.domain.join.view import StateView


def claim_of(value: bytes) -> bytes:
    """`reported_as` in a state value, as JSON, read without parsing the row. Something that is none, of earlier forms."""
    if value.endswith(b"]]"):  # with more behind it, as few have
        members = orjson.loads(value[value.index(b"[") :])
        return orjson.dumps(members[-3 if members[0] == WITH_BENEATH else -2])
    return value[value.rfind(b',"', 0, -2) + 1 : -1]


def claims_in(entries: Mapping[bytes, bytes]) -> dict[bytes, set[bytes]]:
    """By claim, the keys of the entries that have it."""
    found: dict[bytes, set[bytes]] = {}
    for key, value in entries.items():
        found.setdefault(claim_of(value), set()).add(key)
    return found


def claimed_as(view: StateView, visit_key: bytes, claims: Mapping[str, set[bytes]], record: str) -> set[bytes]:
    """The state keys of fee lines that are reported as this record, or claim it, perhaps with others that did. claims: those that a
    fold changed.
    """
    return {*view.claims(visit_key, TableRole.FEE, orjson.dumps(record)), *claims.get(record, ())}

"""Messages of the topics as what they say of a visit. Pure."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from streams.deliver.receipt import decode_receipt
from streams.domain.changes import Incoming
from streams.domain.join.entries import is_row, load, visit_key_of
from streams.domain.join.gone import Gone, is_gone, load_gone
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallies import load as load_tally
from streams.domain.join.tallies import of_key, told_in
from streams.domain.kinship import Identity
from streams.domain.ready import decode
from streams.domain.records import ReadyRecord
from streams.domain.roles import SERVICE_OF
from streams.errors import Rejected
from streams.explain.evidence import Accepted, Held, Summed, Sums
from streams.explain.places import Place


def row_in(message: Incoming) -> StoredRow | None:
    """The row in a message of `visit.state`; None of what is no row's. Raises Newer where a later version wrote it."""
    return load(message.key, message.value) if message.key and message.value and is_row(message.key) else None


def gone_in(message: Incoming) -> Gone | None:
    """The record that no row backs, in a message of `visit.state`; None of any other. Raises Newer likewise."""
    return load_gone(message.value) if message.key and message.value and is_gone(message.key) else None


def remembered_in(messages: Iterable[Incoming], visit: bytes) -> tuple[list[Held], list[Gone]]:
    """What messages of `visit.state` say of a visit: its rows, and the records that none backs any more."""
    rows, gone = [], []
    for message in messages:
        if message.key is None or visit_key_of(message.key) != visit:
            continue
        if (row := row_in(message)) is not None:
            rows.append(Held(row, Place(message.partition, message.offset), message.timestamp_ms))
        elif (record := gone_in(message)) is not None:
            gone.append(record)
    return rows, gone


def sums_in(messages: Iterable[Incoming]) -> Sums:
    """The sums in messages of `visit.state` that differ, where that was counted. Raises Newer where a later version wrote one."""
    return {
        of_key(one.key): Summed(load_tally(one.value), one.timestamp_ms)
        for one in messages
        if one.key and one.value and told_in(one.key, one.value)
    }


def records_of(rows: Iterable[Held], gone: Iterable[Gone]) -> Iterator[Identity]:
    """As what rows were reported."""
    for role, said in (*((held.row.role, held.row.reported_as) for held in rows), *((one.role, one.record) for one in gone)):
        institution, _, key = said.partition("/")
        if key:
            yield Identity(institution, SERVICE_OF[role], key)


def ready_in(messages: Iterable[Incoming], visit: bytes) -> list[ReadyRecord]:
    """The records of a visit in messages of `visit.ready`, without what is not ours."""
    found = []
    for message in messages:
        with suppress(Rejected):
            if message.key == visit:
                found.append(decode(message))
    return found


def accepted_in(messages: Iterable[Incoming]) -> list[Accepted]:
    """The receipts in messages of `visit.receipts`. Raises Newer where a later version wrote one."""
    return [Accepted(decode_receipt(one.value or b""), Place(one.partition, one.offset)) for one in messages]

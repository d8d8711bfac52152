"""What the deliver stage must hear of a record that no row of its visit backs any more: it may wait there, for a visit or a
settlement that the platform refused, and would go when that one is mended.

A recall goes out when a person is told that the record is withdrawn, and when its row leaves for another visit, which reports it.
What comes back after it is sent, also unchanged.
"""

from connector.contract import Position, TableRole
from streams.domain.changes import dotted
from streams.domain.join.results import Results
from streams.domain.join.visit import Visit
from streams.domain.ready import RECALL, Emission
from streams.domain.records import Header, Record

RECALLED = "recalled"
"""Outcome: a record was recalled."""


def recall(  # noqa: PLR0913 - what is recalled, and why
    run: Results,
    visit: Visit,
    role: TableRole,
    record: str,
    *,
    position: Position | None,
    committed_at: int,
    but: str = "",
    added: tuple[Header, ...] = (),
) -> None:
    """Recall a record that was emitted in this visit. record: `institution/key`. but: content hash of the versions that stay.
    added: what else is said of it.
    """
    institution, _, key = record.partition("/")
    named = Record(
        service=visit.mapping.services_of(role),
        institution=institution,
        infno="",
        key=key,
        value=b"",
        content_hash=but,
        mapping_version=visit.mapping.version,
        business_day="",
        amount="",
    )
    run.count(RECALLED)
    run.recall(
        Emission(
            record=named,
            visit_key=visit.key,
            position=dotted(position),
            committed_at=committed_at,
            captured_at=run.incoming.timestamp_ms,
            tail=(RECALL, *added),
        )
    )

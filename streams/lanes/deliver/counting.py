"""What a transaction of a deliver lane is counted as. After the commit: what is counted stays true."""

from collections.abc import Sequence

from streams.deadletter.owners import owner_of
from streams.domain.records import DeadLetter
from streams.lanes.deliver.orphan_kin import Changed, Decision
from streams.lanes.deliver.settling import Settling, superseded
from streams.telemetry.outcomes import Outcomes


def count(outcomes: Outcomes, run: Settling | None, dead: Sequence[DeadLetter], changed: Changed) -> None:
    """Count what a transaction has committed."""
    for what, amount in changed.counts.items():
        outcomes.count("orphan", amount, label=what)
    for letter in dead:
        outcomes.count("dead_letter", label=letter.dead_class.value, detail=owner_of(letter).value)
    for closed in (*(run.closed if run else ()), *changed.closed, *superseded(dead)):
        outcomes.count("letter_closed", label=closed.by.value)
    if run is not None:
        outcomes.count("batch_accepted", len(run.receipts))
        for decision in run.decisions:
            if decision.accepted:
                _count_accepted(outcomes, decision)


def _count_accepted(outcomes: Outcomes, decision: Decision) -> None:
    """Count a batch: all of it is of one service."""
    records, at = decision.records, decision.at
    service = records[0].service.value
    outcomes.count("accepted", len(records), detail=service)
    outcomes.observe("batch_size", len(records))
    observe = outcomes.histogram("fresh_s", service).observe
    for record in records:
        observe((at - record.committed_at) / 1000)

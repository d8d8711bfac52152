"""What is known while a demonstration runs and at its end: accepted records, dead letters, freshness, and the judgement."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector.contract import Topics
from sandbox.judge import Acceptance, Judgement, judge, read_endings
from sandbox.platform.journal import Entry, read_entry
from streams.deadletter.reading import read_dead_letters
from streams.deliver.freshness import Freshness, freshness
from streams.deliver.ledger import read_receipts
from streams.deliver.receipt import Receipt
from streams.spec.fields import ServiceCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was found at one moment."""

    judgement: Judgement
    """Expected records compared with accepted ones."""
    ways: Sequence[Freshness]
    """Of the live records, from the commit in the database to the platform's answer."""

    def percentiles(self, part: str) -> dict[str, float | None]:
        """Seconds of a part of the way, or of the `whole`, within which half, 95 % and 99 % of the records had passed it."""
        return percentiles([getattr(way, part) for way in self.ways])


def read_findings(
    *, expected: Path, journal: Path | None, client: Mapping[str, Any], topics: Topics, live_since_ms: int, is_over: bool = False
) -> Findings:
    """Read everything and judge it. journal None: the platform is not ours, its answers are taken from the receipts.
    is_over: nothing is under way any more.
    """
    receipts = sorted(read_receipts(client, topics.receipts), key=lambda receipt: receipt.answered_at)
    acceptances = _from_receipts(receipts) if journal is None else _from_journal(journal)
    letters = read_dead_letters(client, topics.dead).told
    return Findings(
        judgement=judge(read_endings(expected), acceptances, letters, platform_is_known=journal is not None, is_over=is_over),
        ways=ways_between(receipts, live_since_ms),
    )


def ways_between(receipts: Iterable[Receipt], since_ms: int, until_ms: float = math.inf) -> list[Freshness]:
    """The ways of the accepted records that were committed in this time."""
    lines = ((receipt, line) for receipt in receipts for line in receipt.records if since_ms <= line.committed_at < until_ms)
    return [way for receipt, line in lines if (way := freshness(receipt, line)) is not None]


def percentiles(values_ms: Iterable[int]) -> dict[str, float | None]:
    """p50, p95 and p99 in seconds; None of nothing."""
    ordered = sorted(values_ms)
    return {f"p{share}": _percentile(ordered, share / 100) for share in (50, 95, 99)}


def _percentile(ordered: Sequence[int], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000 if ordered else None


def _from_journal(path: Path) -> list[Acceptance]:
    return [_of_entry(read_entry(line)) for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def _of_entry(entry: Entry) -> Acceptance:
    return Acceptance(
        id=(entry.service, entry.institution, entry.key),
        content_hash=entry.hash,
        msgid=entry.msgid,
        amount=Decimal(entry.amount or 0),
    )


def _from_receipts(receipts: Sequence[Receipt]) -> list[Acceptance]:
    return [
        Acceptance(
            id=(receipt.service, receipt.institution, line.key),
            content_hash=line.hash,
            msgid=receipt.msgid,
            amount=Decimal(line.amount or 0) if receipt.service == ServiceCode.SETTLEMENT else Decimal(0),
        )
        for receipt in receipts
        for line in receipt.records
    ]

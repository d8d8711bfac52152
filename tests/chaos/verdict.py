"""The verdict on one scenario: the database's expectations against the platform's journal, the receipts and the dead letters."""

import contextlib
import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from connector.contract import Topics
from sandbox.judge import Acceptance, Ending, Judgement, RecordId, judge, read_endings
from sandbox.platform.rows import is_refused_key
from streams.deadletter.reading import Reading, read_dead_letters
from streams.deadletter.record import DeadLetterView, Message, read_dead_letter
from streams.deliver.ledger import read_receipts
from streams.errors import Rejected
from streams.topics.whole import read_whole

_REJECTED = "REJECTED"
_SENT = frozenset({"accepted", "withdrawn"})
_PHARMACY = "P"
_EXAMPLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusing:
    """The platform's rule that refuses a share of all keys."""

    percent: float
    seed: int

    def refuses(self, key: str) -> bool:
        return is_refused_key(key, percent=self.percent, seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Everything must be empty but the counts. amounts: institutions whose sums differ."""

    accepted: int
    dead_letters: int
    lost: Sequence[str]
    doubled: Sequence[str]
    out_of_order: Sequence[str]
    unexplained: Sequence[str]
    amounts: Sequence[str]
    notes: Sequence[str]

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order or self.unexplained or self.amounts)

    @property
    def examples(self) -> list[str]:
        """A few of each, keys only."""
        groups = (self.lost, self.doubled, self.out_of_order, self.unexplained, self.amounts)
        return [each for group in groups for each in group[:_EXAMPLES]]


def expectations(file: Path, refusing: Refusing) -> list[Ending]:
    """The endings of the sample hospital, and what the platform's own rule makes of them: also of what belongs to a record that it
    refuses, for that waits in the deliver stage.
    """
    endings = read_endings(file)
    refused = {ending.id for ending in endings if ending.outcome in _SENT and refusing.refuses(ending.id[2])}
    held = {_identity(line) for line in _lines(file) if not refused.isdisjoint(_owners(*_identity(line)[:2], line["fields"]))}
    return [each for ending in endings for each in _as_refused(ending, refusing, held=ending.id in held)]


def missing(endings: Sequence[Ending], journal: Sequence[Mapping[str, Any]]) -> int:
    """How many records are not yet accepted in their last version."""
    last = {_identity(entry): entry["hash"] for entry in journal}
    wanted = (ending for ending in endings if ending.outcome in _SENT)
    return sum(last.get(ending.id) != ending.versions[-1] for ending in wanted)


def read_letters(client: Mapping[str, Any], topics: Topics) -> Reading:
    return read_dead_letters(client, topics.dead)


def pronounce(
    endings: Sequence[Ending],
    journal: Sequence[Mapping[str, Any]],
    *,
    client: Mapping[str, Any],
    topics: Topics,
    differences: Sequence[str],
    overtaken: Sequence[str] = (),
    unseeable: Container[tuple[str, str]] = (),
    unread: Container[tuple[str, str]] = (),
    spoilt: Container[tuple[str, str]] = (),
) -> Verdict:
    """Read receipts and dead letters, compare all. journal: with values. overtaken: what the platform's own books say of that.
    unseeable, unread, spoilt: see `judge`.
    """
    reading = read_letters(client, topics)
    acceptances = acceptances_in(journal)
    judgement = judge(endings, acceptances, reading.told, is_over=True, unseeable=unseeable, unread=unread, spoilt=spoilt)
    receipts = read_receipts(client, topics.receipts)
    lines = ((receipt.msgid, line.key, line.hash) for receipt in receipts for line in receipt.records)
    lost, doubled, alien = compare_receipts(journal, lines)
    again, unplaced = repeated_letters(read_whole(client, topics.dead))
    return Verdict(
        accepted=judgement.accepted.total(),
        dead_letters=judgement.dead_letters.total(),
        lost=[*judgement.missing, *lost],
        doubled=[*judgement.doubled, *doubled, *again],
        out_of_order=[*judgement.out_of_order, *before_owner(journal), *overtaken],
        unexplained=[*judgement.unexpected, *alien, *differences, *["a dead letter that is not ours"] * reading.foreign],
        amounts=_different(judgement),
        notes=[
            *[f"letters of rows without a place written again, because capture repeated the rows: {unplaced}"] * bool(unplaced),
            *[f"{name}: deleted before it was reported" for name in judgement.unseen],
        ],
    )


def repeated_letters(messages: Iterable[Message]) -> tuple[list[str], int]:
    """Letters of records that were written more than once; and how many of rows that cannot be placed. Those have no state that
    could remember them: when capture sends such a row again, its letter is written again, under the same id.
    """
    counts: Counter[str] = Counter()
    views: dict[str, DeadLetterView] = {}
    for message in messages:
        with contextlib.suppress(Rejected):
            view = read_dead_letter(message)
            counts[view.id] += 1
            views[view.id] = view
    again = {letter: count for letter, count in counts.items() if count > 1}
    placed = [letter for letter in again if views[letter].record_key_hash]
    said = [f"letter {letter} {views[letter].dead_class} {views[letter].rule}: written {again[letter]} times" for letter in placed]
    return said, sum(count - 1 for letter, count in again.items() if letter not in placed)


def _lines(file: Path) -> Iterator[Mapping[str, Any]]:
    with file.open(encoding="utf-8") as content:
        yield from map(json.loads, content)


def _as_refused(ending: Ending, refusing: Refusing, *, held: bool) -> Iterator[Ending]:
    if held and ending.outcome == "withdrawn":  # the join told what it had handed on, and the platform never got it
        yield replace(ending, outcome="refused", versions=ending.versions[:-1], amount=Decimal(0))
        return
    if held and (ending.outcome == "accepted" or ending.dead_class == _REJECTED):
        before = ending.versions[:-1]  # under another owner
        yield replace(ending, outcome="pending", dead_class="", rule="PARENT_REFUSED", versions=before, amount=Decimal(0))
        return
    if ending.outcome not in _SENT or not refusing.refuses(ending.id[2]):
        yield ending
        return
    yield replace(ending, outcome="refused", dead_class=_REJECTED, rule="", amount=Decimal(0))
    if ending.outcome == "withdrawn":
        yield replace(ending, outcome="refused", versions=())


def acceptances_in(journal: Iterable[Mapping[str, Any]]) -> list[Acceptance]:
    """What a platform's journal says that it took, in its order."""
    return list(map(_acceptance, journal))


def _acceptance(entry: Mapping[str, Any]) -> Acceptance:
    return Acceptance(id=_identity(entry), content_hash=entry["hash"], msgid=entry["msgid"], amount=Decimal(entry["amount"] or 0))


def _identity(entry: Mapping[str, Any]) -> RecordId:
    return entry["service"], entry["institution"], entry["key"]


def compare_receipts(
    journal: Sequence[Mapping[str, Any]], receipts: Iterable[tuple[str, str, str]]
) -> tuple[list[str], list[str], list[str]]:
    """Receipts that are missing, written twice, or for what was never accepted. receipts: msgid, key and content hash of each."""
    accepted = {(entry["msgid"], entry["key"], entry["hash"]) for entry in journal}
    written = Counter(receipts)
    return (
        [f"{msgid} {key}: accepted, no receipt" for msgid, key, _ in sorted(accepted - written.keys())],
        [f"{msgid} {key}: {count} receipts" for (msgid, key, _), count in sorted(written.items()) if count > 1],
        [f"{msgid} {key}: a receipt, never accepted" for msgid, key, _ in sorted(written.keys() - accepted)],
    )


def before_owner(journal: Sequence[Mapping[str, Any]]) -> list[str]:
    """Records accepted for the first time before what they belong to."""
    first: dict[RecordId, int] = {}
    owners: dict[RecordId, list[RecordId]] = {}
    for entry in journal:
        identity = _identity(entry)
        if identity not in first:
            first[identity], owners[identity] = entry["n"], _owners(*identity[:2], json.loads(entry["value"]))
    return [
        f"{'/'.join(identity)}: accepted before {owner[0]}"
        for identity, place in first.items()
        for owner in owners[identity]
        if first.get(owner, place + 1) > place
    ]


def overtaken_refunds(stats: Mapping[str, Any]) -> list[str]:
    """Refunds that came before the line that they take back (rule R9), by the platform's own books."""
    count = stats["order_violations"].get("refund before its line", 0)
    return [f"{count} refunds accepted before their lines"] * bool(count)


def _owners(service: str, institution: str, fields: Mapping[str, str]) -> list[RecordId]:
    owners: list[RecordId] = []
    if service != "mdtrt_d" and not institution.startswith(_PHARMACY) and "MDTRT_ID" in fields:
        owners.append(("mdtrt_d", institution, fields["MDTRT_ID"]))
    if service == "fee_list_d" and "SETL_ID" in fields:
        owners.append(("setl_d", institution, fields["SETL_ID"]))
    return owners


def _different(judgement: Judgement) -> list[str]:
    return [
        f"{name}: {wanted} to report, {found} accepted" for name, (wanted, found) in judgement.amounts.items() if wanted != found
    ]

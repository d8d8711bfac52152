"""Compare what should have been reported with what was: every record accepted in its last version, every refusal a dead letter.

Nothing of the pipeline's own bookkeeping is believed: the expectations come from the sample hospital, the acceptances from the
platform's journal (or, where the platform is not ours, from the receipts of its answers).
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeAlias

import orjson

from streams.deadletter.record import DeadLetterView, record_key_hash
from streams.spec.fields import ServiceCode

RecordId: TypeAlias = tuple[str, str, str]
"""Service, institution, value of the key field."""

_REJECTED = "REJECTED"
"""The class whose rule is the platform's and not foreseen."""

RARE: Final = 0.05
"""Share of the withdrawn records that may have gone before they were reported; one always may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one record must end; a line of the sample hospital's file of expectations."""

    id: RecordId
    """Service, institution, value of the key field."""
    row_key: str
    """Key of its row in the database."""
    outcome: str
    """accepted, refused, pending, or withdrawn: accepted, then deleted in the database, which makes a dead letter."""
    dead_class: str
    """Class of its dead letter; `""` for none."""
    rule: str
    """Rule of its dead letter; of a pending record, what it waits for."""
    versions: tuple[str, ...]
    """Content hashes in the order of reporting."""
    amount: Decimal
    """Money of a settlement, else 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One record that the platform accepted."""

    id: RecordId
    content_hash: str
    msgid: str
    amount: Decimal
    """Money of a settlement, else 0."""


@dataclass(slots=True, kw_only=True)
class Judgement:
    """The result of a comparison. Lists hold one sentence for each fault, with keys only and no personal data."""

    expected: Counter[str] = field(default_factory=Counter)
    """By service: records that the platform should have."""
    accepted: Counter[str] = field(default_factory=Counter)
    """By service: records that it has."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    """By class."""
    waiting: Counter[str] = field(default_factory=Counter)
    """By what they wait for: records that must be neither accepted nor told."""
    amounts: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """By institution: the settlements' money that the platform should have, and that it has."""
    missing: list[str] = field(default_factory=list)
    """Records whose last version was not accepted, and refusals without a dead letter."""
    unexpected: list[str] = field(default_factory=list)
    """Acceptances and dead letters that should not be."""
    doubled: list[str] = field(default_factory=list)
    """Records of which one content was accepted too often."""
    out_of_order: list[str] = field(default_factory=list)
    """Records of which an older version was accepted after a newer one."""
    unseen: list[str] = field(default_factory=list)
    """Deleted before they were reported, which is no fault: database and platform agree."""

    @property
    def ok(self) -> bool:
        """Whether nothing is missing, doubled, unexplained or out of order, and the amounts agree to the cent."""
        faults = self.missing or self.unexpected or self.doubled or self.out_of_order
        return not faults and all(expected == accepted for expected, accepted in self.amounts.values())


def read_endings(path: Path) -> list[Ending]:
    """The expectations in a file of the sample hospital."""
    return [_ending(orjson.loads(line)) for line in path.read_bytes().splitlines() if line]


def judge(  # noqa: PLR0913 - what is known of a run
    endings: Sequence[Ending],
    acceptances: Sequence[Acceptance],
    letters: Iterable[DeadLetterView],
    *,
    platform_is_known: bool = True,
    is_over: bool = False,
    unseeable: Container[tuple[str, str]] = (),
    unread: Container[tuple[str, str]] = (),
    spoilt: Container[tuple[str, str]] = (),
) -> Judgement:
    """Compare expectations with what happened. acceptances: in the order in which they happened. letters: each id once.

    platform_is_known: whether its own rules are those that the expectations foresee. If not, a record that it refuses counts as
    explained by its refusal, and a record that it was expected to refuse may be accepted. is_over: nothing is under way any more,
    so that a record which was deleted and left no trace was deleted before it was reported. unseeable: by service and row key,
    records of which it is known that nobody could report them while their rows stood. unread: likewise, rows of which nobody knows
    whether capture read them before they were mended, so that their letters may be there or not. spoilt: likewise, rows of which
    nobody knows whether capture read them before they became wrong, so that nothing of them may have been accepted.
    """
    letters = list(letters)
    judgement = Judgement()
    if not platform_is_known:
        met = _met(acceptances, letters)
        endings = [_as_met(ending, met) for ending in endings]
    accepted = _by_record(acceptances)
    unseen = _unseen(endings, accepted, letters, unseeable=unseeable) if is_over else set()
    judgement.unseen = [_name(identity) for identity in sorted(unseen)]
    endings = [ending for ending in endings if ending.id not in unseen]
    versions = _versions(endings)
    for ending in endings:
        if ending.outcome == "pending":
            judgement.waiting[ending.rule] += 1
        if ending.outcome in {"accepted", "withdrawn"}:
            judgement.expected[ending.id[0]] += 1
            may_lack = ending.id not in accepted and (ending.id[0], ending.row_key) in spoilt
            if accepted.get(ending.id, [""])[-1] != ending.versions[-1] and not may_lack:
                judgement.missing.append(f"{_name(ending.id)}: last version not accepted")
    for identity, hashes in accepted.items():
        judgement.accepted[identity[0]] += 1
        _judge_contents(judgement, identity, hashes, versions.get(identity, ()))
    judgement.doubled = _doubled(acceptances, versions)
    _judge_letters(judgement, endings, letters, unread=unread)
    judgement.amounts = _amounts(endings, acceptances)
    return judgement


def _unseen(
    endings: Sequence[Ending],
    accepted: Mapping[RecordId, Sequence[str]],
    letters: Iterable[DeadLetterView],
    *,
    unseeable: Container[tuple[str, str]],
) -> set[RecordId]:
    """Records that were deleted while they waited for a row of another topic: nothing was accepted, and there is no letter. Such a
    race is rare, but where it is known to have happened; where it seems frequent, the records count as missing.
    """
    told = {letter.record_key_hash for letter in letters}
    withdrawn = [ending for ending in endings if ending.outcome == "withdrawn"]
    found = {ending.id for ending in withdrawn if ending.id not in accepted and not digests_of(ending) & told}
    known = {ending.id for ending in withdrawn if (ending.id[0], ending.row_key) in unseeable} & found
    return found if len(found - known) <= max(1, RARE * len(withdrawn)) else known


def digests_of(ending: Ending) -> set[str]:
    """By what a letter may name the record: its key, or its row's."""
    return {record_key_hash(ending.id[0], key) for key in (ending.id[2], ending.row_key)}


def _met(acceptances: Sequence[Acceptance], letters: Iterable[DeadLetterView]) -> tuple[set[RecordId], set[str]]:
    rejected = {letter.record_key_hash for letter in letters if letter.dead_class == _REJECTED}
    return {acceptance.id for acceptance in acceptances}, rejected


def _as_met(ending: Ending, met: tuple[set[RecordId], set[str]]) -> Ending:
    """The ending of a record as a platform decided it whose rules are not known."""
    accepted, rejected = met
    refused = record_key_hash(ending.id[0], ending.id[2]) in rejected
    if ending.outcome == "accepted" and refused and ending.id not in accepted:
        return replace(ending, outcome="refused", dead_class=_REJECTED, rule="")
    if ending.dead_class == _REJECTED and not refused:
        return replace(ending, outcome="accepted", dead_class="", rule="")
    return ending


def _ending(line: dict[str, object]) -> Ending:
    fields = line["fields"]
    amount = fields.get("MEDFEE_SUMAMT", "0") if isinstance(fields, dict) else "0"
    versions = line["versions"]
    return Ending(
        id=(f"{line['service']}", f"{line['institution']}", f"{line['key']}"),
        row_key=f"{line['row_key']}",
        outcome=f"{line['outcome']}",
        dead_class=f"{line['class']}",
        rule=f"{line['rule']}",
        versions=tuple(versions) if isinstance(versions, list) else (),
        amount=Decimal(amount) if line["service"] == ServiceCode.SETTLEMENT else Decimal(0),
    )


def _versions(endings: Sequence[Ending]) -> dict[RecordId, tuple[str, ...]]:
    """Which contents each record may show. One that the platform refuses may show none; of one that waits in the end, or that was
    told, those of before.
    """
    shown = (ending for ending in endings if ending.outcome in {"accepted", "withdrawn"} or ending.dead_class != _REJECTED)
    return {ending.id: ending.versions for ending in shown if ending.versions}


def _by_record(acceptances: Sequence[Acceptance]) -> dict[RecordId, list[str]]:
    found: defaultdict[RecordId, list[str]] = defaultdict(list)
    for acceptance in acceptances:
        found[acceptance.id].append(acceptance.content_hash)
    return found


def _judge_contents(judgement: Judgement, identity: RecordId, hashes: Sequence[str], versions: Sequence[str]) -> None:
    if not versions:
        judgement.unexpected.append(f"{_name(identity)}: should not have been accepted")
        return
    if strangers := set(hashes) - set(versions):
        judgement.unexpected.append(f"{_name(identity)}: {len(strangers)} contents that the database never showed")
        return
    left = [*versions]
    for content_hash in dict.fromkeys(hashes):
        if content_hash not in left:  # whatever the database showed it as stands before what was accepted already
            judgement.out_of_order.append(f"{_name(identity)}: an older version after a newer one")
            return
        left = left[left.index(content_hash) :]


def _doubled(acceptances: Sequence[Acceptance], versions: Mapping[RecordId, Sequence[str]]) -> list[str]:
    """Records of which one content was accepted under more msgids than the database showed that content."""
    msgids: defaultdict[tuple[RecordId, str], set[str]] = defaultdict(set)
    for acceptance in acceptances:
        msgids[acceptance.id, acceptance.content_hash].add(acceptance.msgid)
    return [
        f"{_name(identity)}: one content under {len(ids)} msgids ({', '.join(sorted(ids))})"
        for (identity, content_hash), ids in msgids.items()
        if len(ids) > max(1, [*versions.get(identity, ())].count(content_hash))
    ]


def _judge_letters(
    judgement: Judgement,
    endings: Sequence[Ending],
    letters: Iterable[DeadLetterView],
    *,
    unread: Container[tuple[str, str]],
) -> None:
    """Each refusal needs its letter, each letter its refusal. Letters of unplaceable rows name no record: those are counted."""
    found: set[tuple[str, str, str]] = set()
    nameless: Counter[tuple[str, str]] = Counter()
    names: dict[tuple[str, str, str], str] = {}
    for letter in letters:
        judgement.dead_letters[letter.dead_class] += 1
        rule = "" if letter.dead_class == _REJECTED else letter.rule
        if letter.record_key_hash:
            found.add((letter.dead_class, rule, letter.record_key_hash))
            names[letter.dead_class, rule, letter.record_key_hash] = letter.id
        else:
            nameless[letter.dead_class, rule] += 1
    explained: set[tuple[str, str, str]] = set()
    for ending in endings:
        if not ending.dead_class:
            continue
        rule = "" if ending.dead_class == _REJECTED else ending.rule
        wanted = {(ending.dead_class, rule, digest) for digest in digests_of(ending)}
        explained |= wanted
        if not wanted & found and (ending.id[0], ending.row_key) not in unread:
            nameless[ending.dead_class, rule] -= 1
            if nameless[ending.dead_class, rule] < 0:
                judgement.missing.append(f"{_name(ending.id)}: no dead letter {ending.dead_class} {ending.rule}")
    for stranger in sorted(found - explained):
        judgement.unexpected.append(f"dead letter {names[stranger]}: {stranger[0]} {stranger[1]} not foreseen")
    for (dead_class, rule), count in sorted(nameless.items()):
        judgement.unexpected += [f"a dead letter {dead_class} {rule} not foreseen"] * max(0, count)


def _amounts(endings: Sequence[Ending], acceptances: Sequence[Acceptance]) -> dict[str, tuple[Decimal, Decimal]]:
    """MEDFEE_SUMAMT per institution: of the settlements that should stand at the platform, and of those that do."""
    last = {acceptance.id: acceptance.amount for acceptance in acceptances}
    expected: defaultdict[str, Decimal] = defaultdict(Decimal)
    accepted: defaultdict[str, Decimal] = defaultdict(Decimal)
    for ending in endings:
        if ending.outcome in {"accepted", "withdrawn"}:
            expected[ending.id[1]] += ending.amount
    for identity, amount in last.items():
        accepted[identity[1]] += amount
    return {institution: (expected[institution], accepted[institution]) for institution in sorted({*expected, *accepted})}


def _name(identity: RecordId) -> str:
    return "/".join(identity)

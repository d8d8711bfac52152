"""Whether everything agrees to the record: hospital, journal of the platform, receipts, dead letters, and what the commands say."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from sandbox.hospital import Expected
from sandbox.judge import Ending, Judgement, RecordId, digests_of, judge
from streams.broker_wiring import client_options
from streams.deadletter import headers as h
from streams.deadletter.reading import Reading, read_dead_letters
from streams.deadletter.record import DeadLetterView, record_key_hash
from streams.deliver.ledger import read_receipts
from streams.topics.whole import read_whole
from tests.chaos.verdict import acceptances_in
from tests.replay.days import Days
from tests.replay.night import UNPLACED, WRONG_KEY, Failed, Night

_OF_THE_NIGHT: Final = ("DICTIONARY", "REJECTED", "JOIN_INCOMPLETE")
_PARENTS: Final = ("mdtrt_d", "setl_d")
_EXAMPLES: Final = 20


@dataclass(frozen=True, kw_only=True)
class Letters:
    """What stands in the topic of dead letters."""

    reading: Reading
    """Open ones, and all that were told."""
    told: frozenset[str]
    """Ids of all that were ever told, also of those whose last message tells that they are no more."""
    ended: Mapping[str, tuple[str, str]]
    """By id: how a letter was closed last, and by what."""

    @classmethod
    def of(cls, night: Night) -> "Letters":
        client, topic = client_options(night.site), night.site.topics.dead
        ended: dict[str, tuple[str, str]] = {}
        told = set()
        for message in read_whole(client, topic):
            said = {name: (value or b"").decode(errors="replace") for name, value in message.headers}
            if said.get(h.CLASS):
                told.add(said[h.ID])
            if said.get(h.CLOSED_BY):
                ended[said[h.ID]] = said[h.CLOSED_BY], said.get(h.CLOSED_EVIDENCE, "")
        return cls(reading=read_dead_letters(client, topic), told=frozenset(told), ended=ended)

    @cached_property
    def open(self) -> set[str]:
        return {letter.id for letter in self.reading.letters}

    @cached_property
    def open_records(self) -> set[str]:
        """What stands for the records of open letters."""
        return {letter.record_key_hash for letter in self.reading.letters}

    @cached_property
    def classes(self) -> Mapping[str, set[str]]:
        """By what stands for a record: the classes of all letters that were told of it."""
        found: dict[str, set[str]] = {}
        for letter in self.reading.told:
            found.setdefault(letter.record_key_hash, set()).add(letter.dead_class)
        return found

    @cached_property
    def once(self) -> list[DeadLetterView]:
        """All that were told, without those in whose place one came that tells the same: a replay tells it anew."""
        by_id = {letter.id: letter for letter in self.reading.told}
        later = {one: by_id.get(by) for one, (how, by) in self.ended.items() if how == "superseded" and one not in self.open}
        return [
            letter
            for letter in self.reading.told
            if (other := later.get(letter.id)) is None or (other.dead_class, other.rule) != (letter.dead_class, letter.rule)
        ]

    def history_of(self, letter: DeadLetterView) -> str:
        """What was told, and how it ended; nothing personal."""
        ended = "open" if letter.id in self.open else " ".join(self.ended.get(letter.id, ("", "")))
        what = f"{letter.stage} {letter.dead_class} {letter.rule} {letter.service} at {letter.first_failed_at}"
        return f"  {letter.id[:8]} of {letter.record_key_hash[:8]}: {what}, replays {letter.replay_count}: {ended}"

    def end_of(self, letter: str) -> str:
        """How a letter ended, through the later ones that took its place; `""` where it, or one of them, is open."""
        last = self.last_of(letter)
        return "" if last in self.open else self.ended.get(last, ("", ""))[0]

    def last_of(self, letter: str) -> str:
        """The last of those that took each other's place."""
        seen: set[str] = set()
        while letter not in self.open and letter not in seen and self.ended.get(letter, ("", ""))[0] == "superseded":
            seen.add(letter)
            letter = self.ended[letter][1]
        return letter


def stuck_visits(night: Night, expected: Iterable[Expected], letters: Letters) -> set[str]:
    """Visits of which the platform refused the head or a settlement, whose row was written wrong before that was mended: it waits
    for a person, who has a letter, and all below waits for it. The hospital cannot foresee what the platform refuses.
    """
    return {one.visit_key for one in _written_wrong(night, expected, letters) if one.service in _PARENTS}


def _written_wrong(night: Night, expected: Iterable[Expected], letters: Letters) -> Iterator[Expected]:
    """What the platform refused, whose row was written wrong before that was mended: no replay is of any use."""
    taken = {(entry["service"], entry["institution"], entry["key"]) for entry in night.accepted()}
    wrong = {one.record_key_hash for one in letters.reading.letters if one.dead_class not in ("REJECTED", "WITHDRAWN")}
    refused = {one.record_key_hash for one in letters.reading.told if one.dead_class == "REJECTED"}
    for one in expected:
        names = _names_of(one)
        if (one.service, one.institution, one.key) not in taken and refused & names and wrong & names:
            yield one


def _names_of(one: Expected) -> set[str]:
    """What stands for it in letters, whether the record's key or only the row's could be read."""
    return {record_key_hash(one.service, key) for key in (one.key, one.row_key)}


def judged(night: Night, days: Days, letters: Letters) -> Judgement:
    """Each record accepted in its last version, once for each time that the database showed it so, or with the letter foreseen."""
    entries = night.accepted()
    taken = {(entry["service"], entry["institution"], entry["key"]) for entry in entries}
    endings = [_as_this_platform_ends(one, taken) for one in days.endings(night.folder)]
    stuck = stuck_visits(night, days.expected, letters)
    below = {(one.service, one.institution, one.key) for one in days.expected if one.visit_key in stuck}
    by_hand = {name for one in _written_wrong(night, days.expected, letters) for name in _names_of(one)}
    refused = [one for one in letters.reading.letters if one.dead_class == "REJECTED" and one.record_key_hash not in by_hand]
    if left := [one for one in refused if one.visit_key not in stuck]:
        names = {one.record_key_hash for one in left}
        about = [letters.history_of(one) for one in letters.reading.told if one.record_key_hash in names]
        raise Failed("\n".join([f"{len(left)} records are still refused by the platform", *about[:_EXAMPLES]]))

    def _waits(letter: DeadLetterView) -> bool:
        return letter.visit_key in stuck or (letter.dead_class == "REJECTED" and letter.record_key_hash in by_hand)

    # Of what was told in the night and is closed the hospital foresees only what is its own fault.
    own = {(one.dead_class, digest) for one in endings for digest in digests_of(one)}
    told = [
        letter
        for letter in letters.once
        if (letter.id in letters.open and not (letter.dead_class in _OF_THE_NIGHT and _waits(letter)))
        or letter.dead_class not in _OF_THE_NIGHT
        or (letter.dead_class, letter.record_key_hash) in own
    ]
    # Deleted, or another record, while the dictionary or the platform refused it: the platform never had it. Where the platform
    # refused it, the join does not know that, and a person is told to withdraw it all the same.
    never = [one for one in endings if one.outcome == "withdrawn" and one.id not in taken]
    needless = {digest for one in never for digest in digests_of(one)}
    judgement = judge(
        [one for one in endings if one not in never and not _is_hidden(one, letters, taken=taken, below=below)],
        acceptances_in(entries),
        [letter for letter in told if letter.dead_class != "WITHDRAWN" or letter.record_key_hash not in needless],
        is_over=True,
        platform_is_known=False,
    )
    if not judgement.ok:
        wrong = [*judgement.missing, *judgement.unexpected, *judgement.doubled, *judgement.out_of_order]
        about = [line for one in wrong[:_EXAMPLES] for line in _about(one, endings, letters, entries)]
        raise Failed("\n".join([f"{len(wrong)} things are wrong", *about]))
    return judgement


def _as_this_platform_ends(one: Ending, taken: set[RecordId]) -> Ending:
    """It refuses by chance, until that is mended, and not what the hospital foresees that a platform refuses."""
    return replace(one, outcome="accepted", dead_class="", rule="") if one.dead_class == "REJECTED" and one.id in taken else one


def _about(wrong: str, endings: Iterable[Ending], letters: Letters, entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """A fault, and what hospital, letters and journal say of its record; nothing personal."""
    yield wrong
    for one in (one for one in endings if wrong.startswith(f"{'/'.join(one.id)}:")):
        yield f"  foreseen: {one.outcome} {one.dead_class} {one.rule}, {len(one.versions)} versions"
        yield from (letters.history_of(told) for told in letters.reading.told if told.record_key_hash in digests_of(one))
        taken = [entry["hash"][:8] for entry in entries if (entry["service"], entry["institution"], entry["key"]) == one.id]
        yield f"  versions {[version[:8] for version in one.versions]}, accepted {taken}"


def _is_hidden(one: Ending, letters: Letters, *, taken: set[RecordId], below: set[RecordId]) -> bool:
    """Whether the night kept from being seen what the hospital foresees: what stood before a row was written wrong, which has its
    letter now; a fault that was put right before it could be told; what waits below a record like that.
    """
    if one.outcome == "accepted" and one.id in taken:
        return False
    names = digests_of(one)
    told = {each for name in names for each in letters.classes.get(name, ())}
    if not told & {*_OF_THE_NIGHT}:
        return one.outcome == "accepted" and one.id in below
    if one.outcome == "accepted":
        return one.id in below or bool(names & letters.open_records)
    return bool(one.dead_class) and one.dead_class not in told


def demand_agreement(night: Night, plans: Iterable[Mapping[str, Any]], days: Days, letters: Letters) -> None:
    """Journal and receipts are the same records under the same msgids; summary and verify say what stands in the topics."""
    entries = night.accepted()
    journal = Counter((one["msgid"], one["service"], one["institution"], one["key"], one["hash"]) for one in entries)
    receipts = Counter(
        (receipt.msgid, receipt.service, receipt.institution, line.key, line.hash)
        for receipt in read_receipts(client_options(night.site), night.site.topics.receipts)
        for line in receipt.records
    )
    _demand_same("the journal", journal, "the receipts", receipts)
    summary = night.asked("dlq", "summary", "any", "--by", "class,service")
    told = Counter({"open": len(letters.open), "closed": len(letters.told - letters.open)})
    said = Counter({"open": summary["total"], "closed": sum(group["closed"] for group in summary["groups"])})
    _demand_same("the topic of letters", told, "`dlq summary`", said)
    known = {record_key_hash(one["service"], one["key"]) for one in entries}
    days.endings(night.folder)
    stuck = stuck_visits(night, days.expected, letters)
    taken = {letter.id for letter in letters.reading.told if letter.record_key_hash in known}
    # A row that names no visit is read again and told again: its mending is the hospital's, and its own test's.
    waits = {letter.id for letter in letters.reading.letters if letter.visit_key in stuck or letter.rule == UNPLACED}
    for plan in plans:
        _demand_plan(night, plan, letters, known=taken, waits=waits)


def _demand_plan(night: Night, plan: Mapping[str, Any], letters: Letters, *, known: set[str], waits: set[str]) -> None:
    """known: letters whose records were accepted. waits: open ones that wait for a person to mend what their record belongs to."""
    told = night.asked("replay", "verify", plan["file"])
    ending = set(plan["ending"])
    left = {letter for letter in ending if not letters.end_of(letter)}
    if (
        {letters.last_of(letter) for letter in left} - waits
        or told["without_receipt"]
        or told["refused_again"] + told["pending"] != len(left)
        or told["done"] == bool(left)
    ):
        raise Failed(f"not all of plan {plan['plan']} is done, {len(left)} letters have no end: {told}")
    if told["accepted"] + told["closed_otherwise"] != len(ending - left):
        raise Failed(f"plan {plan['plan']}: `verify` counts {told}, and the plan has {len(ending)} letters")
    if lost := {letter for letter in ending if letters.end_of(letter) == "accepted"} - known:
        raise Failed(
            f"plan {plan['plan']}: {len(lost)} letters count as accepted and the journal has nothing: {[*lost][:_EXAMPLES]}"
        )


def demand_held(night: Night) -> None:
    """What a wrong key sealed is held: nothing of it was accepted, and nothing told as a fault of a record."""
    reading = read_dead_letters(client_options(night.site), night.site.topics.dead)
    if wrong := [one for one in reading.told if one.institution == WRONG_KEY and one.stage == "deliver"]:
        raise Failed(f"{len(wrong)} records were dead-lettered because of a wrong key: {wrong[0].dead_class}")
    if any(entry["institution"] == WRONG_KEY for entry in night.accepted()):
        raise Failed("something was accepted that a wrong key sealed")


def _demand_same(one: str, first: Counter[Any], other: str, second: Counter[Any]) -> None:
    if first != second:
        more, less = first - second, second - first
        raise Failed(
            f"{one} and {other} differ: {more.total()} more {[*more.items()][:3]}, {less.total()} less {[*less.items()][:3]}"
        )

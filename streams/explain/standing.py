"""Where each row stands now: accepted, waiting (and for what), held (and why), a dead letter, or under way. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from connector.contract import TableRole
from streams.deadletter.index.pages import Letter
from streams.deadletter.record import record_key_hash
from streams.domain.join.gone import Gone
from streams.domain.join.parts import ELSEWHERE
from streams.domain.join.stored import StoredRow
from streams.domain.join.tallies import in_yuan
from streams.domain.ready import RECALL
from streams.domain.records import ReadyRecord
from streams.domain.roles import SERVICE_OF
from streams.explain.evidence import Accepted, Evidence, Held, Lanes, Told
from streams.explain.subject import RowName, Subject
from streams.explain.timeline import plan_of
from streams.explain.waits import WITHDRAWAL, end_of, words_for
from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark
from streams.wording import count_of


class Fate(StrEnum):
    """What became of a row. UNDER_WAY: it is in a queue, or in a plan, and nothing holds it. LEFT: its visit does not have it any
    more, and nothing of it is owed. UNKNOWN: the topics do not hold any more what would say it.
    """

    ACCEPTED = "accepted"
    WAITING = "waiting"
    HELD = "held"
    DEAD = "dead letter"
    UNDER_WAY = "under way"
    LEFT = "gone"
    UNKNOWN = "not known"


class Standing(NamedTuple):
    """How one row stands now."""

    of: str
    """The row, as it may be seen."""
    service: str
    """As what it is reported."""
    institution: str
    """FIXMEDINS_CODE; `""` where it is not known."""
    record: str
    """The record, as it may be seen; `""` where none was made of it."""
    fate: Fate
    """What became of it."""
    words: str
    """The same in a sentence's end."""
    facts: Mapping[str, str]
    """What else is known, by name. Times (ms): `since`, `until`, `accepted`."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Standing(service={self.service!r}, fate={self.fate!r})"


def standings(found: Evidence, subject: Subject) -> list[Standing]:
    """Of each row that is asked for, in the order of reporting; then the records that no row backs any more."""
    rows = [held for held in found.rows if subject.means_row(RowName(held.row.source, held.row.table, held.row.key))]
    order = {service: place for place, service in enumerate(SERVICE_OF.values())}
    rows.sort(key=lambda held: (order[SERVICE_OF[held.row.role]], held.row.table, _counted(held.row.key)))
    return [*(_of_row(held, found, subject) for held in rows), *_of_gone(found, subject)]


def _sums(row: StoredRow, found: Evidence, subject: Subject) -> Mapping[str, str]:
    """Of a settlement: that its lines add up to something else than it says (rule R2)."""
    if row.role is not TableRole.SETTLEMENT or not found.sums:
        return {}
    name = subject.keys.named_by_lines(row)
    summed = None if name is None else found.sums.get((found.visit_key, row.source, name))
    if summed is None:
        return {}
    sums = summed.tally
    said = {"lines add up to": sums.lines_cents, "it says": sums.stated_cents, "differs by": sums.off_cents}
    return {**{name: in_yuan(cents) for name, cents in said.items()}, "differs since": f"{summed.at}"}


def _counted(key: Sequence[str]) -> list[tuple[int, str]]:
    """A key in the order in which people count: line 9 before line 10."""
    return [(len(part.lstrip("0")) if part.isdecimal() else 0, part) for part in key]


def _of_row(held: Held, found: Evidence, subject: Subject) -> Standing:
    row, service = held.row, SERVICE_OF[held.row.role].value
    institution, _, key = row.reported_as.partition("/")
    institution = institution or subject.keys.institution(row.source, row.role, row.columns)
    now = _now(row, service, institution, key, found)
    letter = _open_letter(row, service, institution, key, found)
    if letter is not None:
        now = _with_letter(now, letter, row)
    facts = dict(now.facts)
    if behind := _behind(found):
        facts["not joined yet"] = f"{behind} later messages of its visit"
    facts |= _sums(row, found, subject)
    record = subject.keys.record(service, key) if key else ""
    of = subject.keys.row(RowName(row.source, row.table, row.key))
    return Standing(of, service, institution, record, now.fate, now.words, facts)


class _Now(NamedTuple):
    fate: Fate
    words: str
    facts: Mapping[str, str]


def _with_letter(now: _Now, told: Told, row: StoredRow) -> _Now:
    """What an open letter says more. One of the deliver stage is of an earlier version, where a later one is on its way."""
    letter = told.letter
    facts = {**now.facts, "letter": letter.id, "class": letter.dead_class, "rule": letter.rule}
    if letter.id != row.letter and now.fate in (Fate.UNDER_WAY, Fate.HELD):
        return now._replace(facts=facts)
    waits = f"; it waits on for {words_for(row.waits_for, deadline=row.deadline)}" if row.waits_for else ""
    return _Now(Fate.DEAD, f"{letter.message}{waits}", facts)


def _now(row: StoredRow, service: str, institution: str, key: str, found: Evidence) -> _Now:
    """Without its letters."""
    if row.deleted:
        return _Now(Fate.LEFT, "its row was deleted", {})
    if row.claimed:
        return _Now(Fate.WAITING, "for another row, which claims its record, to give it up", {})
    if row.waits_for:
        until = end_of(row.since, row.deadline)
        facts = {"since": f"{row.since}", **({"until": f"{until}"} if until else {})}
        return _Now(Fate.WAITING, f"for {words_for(row.waits_for, deadline=row.deadline)}", facts)
    if row.emitted:
        return _handed_on(row, service, institution, key, found)
    words = "it was refused, and its letter is closed" if row.refused else "no record was made of it"
    return _Now(Fate.LEFT if row.refused else Fate.UNKNOWN, words, {})


def _handed_on(row: StoredRow, service: str, institution: str, key: str, found: Evidence) -> _Now:
    """Of a row of which a record went to the deliver stage."""
    versions = [one for one in found.ready if (one.service, one.institution, one.record_key) == (service, institution, key)]
    last = next((one for one in reversed(versions) if RECALL not in one.added and one.content_hash == row.emitted), None)
    if row.emitted == ELSEWHERE:
        return _Now(Fate.UNKNOWN, "its record was handed on in the visit that its row was in before: ask for that", {})
    accepted = _receipt(found.receipts, service, institution, key, row.emitted)
    if accepted is not None and (last is None or accepted[1] >= last.number):
        receipt = accepted[0].receipt
        facts = {"msgid": receipt.msgid, "accepted": f"{receipt.answered_at}", "code": receipt.code}
        return _Now(Fate.ACCEPTED, "in its last version", facts)
    if last is None:
        gone = "a record was handed on; neither it nor a receipt of it is in the topics any more"
        return _Now(Fate.UNKNOWN, gone, {"content": row.emitted})
    now = _on_its_way(last, found.lanes)
    if now.fate is Fate.UNKNOWN and (refused := _refused(service, institution, key, found)) is not None:
        return _Now(Fate.LEFT, "the platform refused it, and its letter is closed", {"letter": refused.letter.id, **now.facts})
    if (earlier := _receipt(found.receipts, service, institution, key, "")) is not None:
        before = {"accepted before": f"{earlier[0].receipt.answered_at}", "msgid before": earlier[0].receipt.msgid}
        now = now._replace(facts={**now.facts, **before})
    return now


def _on_its_way(record: ReadyRecord, lanes: Lanes) -> _Now:
    mark, facts = lanes.delivered, {"number": f"{record.number}"}
    if mark is None:
        return _Now(Fate.UNKNOWN, "its record is made; how far the deliver stage is, its offset does not say", facts)
    if record.number in lanes.orphans:
        return _Now(Fate.WAITING, "for its visit or settlement, which the platform refused: see the letter of that", facts)
    aside = mark.aside.get(record.institution)
    if aside is not None and record.number >= aside.number:
        facts |= {"since": f"{aside.since * 1000}", "cause": aside.cause}
        return _Now(Fate.HELD, "its institution is set aside (docs/operations.md, An institution that is set aside)", _known(facts))
    if record.number < mark.seq:
        done = "the deliver stage is through with it, and no receipt is there: a later version or a recall took its place"
        return _Now(Fate.UNKNOWN, done, facts)
    plan = plan_of(record, lanes)
    return _queued(record, mark) if plan is None else _planned(plan, mark, facts)


def _queued(record: ReadyRecord, mark: DeliverMark) -> _Now:
    before = record.number - mark.seq
    facts = {"number": f"{record.number}", "cause": mark.why}
    words = f"{count_of(before, 'record of its partition goes', 'records of its partition go')} before it"
    return _Now(Fate.HELD if mark.why else Fate.UNDER_WAY, f"{words}, whose lane is held" if mark.why else words, _known(facts))


def _planned(plan: Plan, mark: DeliverMark, facts: Mapping[str, str]) -> _Now:
    more = _known({**facts, "plan": plan.id, "since": f"{plan.opened_at * 1000}", "cause": mark.why})
    if mark.why or plan.quiet:
        return _Now(Fate.HELD, "its lane is held (docs/operations.md, A lane that stands)", more)
    return _Now(Fate.UNDER_WAY, "in the plan that its lane delivers now", more)


def _open_letter(row: StoredRow, service: str, institution: str, key: str, found: Evidence) -> Told | None:
    for one in found.letters:
        letter = one.letter
        of_row = (letter.source, letter.row_table, letter.row_key) == (row.source, row.table, "/".join(row.key))
        if not letter.closed and (letter.id == row.letter or of_row or _is_about(letter, service, institution, key)):
            return one
    return None


def _refused(service: str, institution: str, key: str, found: Evidence) -> Told | None:
    """The last letter of the deliver stage about a record."""
    letters = [one for one in found.letters if one.letter.stage == "deliver" and _is_about(one.letter, service, institution, key)]
    return letters[-1] if letters else None


def _is_about(letter: Letter, service: str, institution: str, key: str) -> bool:
    same = bool(key) and letter.record_hash == bytes.fromhex(record_key_hash(service, key))
    return same and letter.institution in ("", institution)


def _receipt(receipts: Sequence[Accepted], service: str, institution: str, key: str, content: str) -> tuple[Accepted, int] | None:
    """The last receipt of a record, and the number that it is of. content: of the version; `""`: of any."""
    found = [
        (one, line.number)
        for one in receipts
        if (one.receipt.service, one.receipt.institution) == (service, institution)
        for line in one.receipt.records
        if line.key == key and content in ("", line.hash)
    ]
    return max(found, key=lambda one: one[1], default=None)


def _behind(found: Evidence) -> int:
    """How many messages of the visit the join has not folded yet."""
    return sum(one.offset >= found.lanes.joined for one in found.changes) if found.lanes.joined >= 0 else 0


def _of_gone(found: Evidence, subject: Subject) -> Iterator[Standing]:
    for gone in found.gone:
        if subject.means_row(RowName(gone.source, gone.table, gone.key)):
            yield _gone(gone, subject)


def _gone(gone: Gone, subject: Subject) -> Standing:
    service = SERVICE_OF[gone.role].value
    institution, _, key = gone.record.partition("/")
    facts = {"since": f"{gone.since}"} | ({"until": f"{end}"} if (end := end_of(gone.since, gone.deadline)) else {})
    if gone.deadline:
        fate, words = Fate.WAITING, f"for {words_for(WITHDRAWAL)}; its record is at the platform"
    else:
        fate, words = Fate.DEAD, "its row is gone, and a person was told to withdraw its record at the platform (WITHDRAWN)"
    of = subject.keys.row(RowName(gone.source, gone.table, gone.key))
    return Standing(of, service, institution, subject.keys.record(service, key), fate, words, facts)


def _known(facts: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in facts.items() if value}

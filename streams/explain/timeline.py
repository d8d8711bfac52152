"""What happened to a visit, or to one row of it, in the order of time: from what the topics hold. Pure. Nothing personal is in it:
of keys what may be shown, of contents nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from connector.contract import Op
from streams.domain.changes import DOUBTED, NUMBER, Incoming, RowChange, Truncated, decode, dotted, server_of
from streams.domain.ready import ALONE, RECALL, REPORTED, closes
from streams.domain.recapture import NotThere
from streams.domain.records import Header, ReadyRecord
from streams.domain.release import Release
from streams.domain.replay import ANEW, REPLAY_ID, Replay
from streams.errors import Rejected
from streams.explain.evidence import Accepted, Evidence, Lanes, Told
from streams.explain.subject import RowName, Subject
from streams.lanes.deliver.plan import Plan
from streams.wording import count_of

_OPS: Final = {Op.CREATE: "row made", Op.READ: "row read", Op.UPDATE: "row changed", Op.DELETE: "row deleted"}
_ORDERED: Final = {
    Replay: "tried again by order",
    Release: "wait ended by order",
    NotThere: "row read again by order, and not there",
}
_CLOSED: Final = {
    "hand": "letter closed by a person",
    "evidence": "letter closed by the platform's confirmation",
    "accepted": "letter closed: its record was accepted",
    "superseded": "letter closed: a later one took its place",
    "gone": "letter closed: its row is gone",
    "mended": "letter closed: what it told has mended itself",
}
_STAGES: Final = {name: place for place, name in enumerate(("capture", "replay", "join", "deliver", "dead-letter"))}


class Event(NamedTuple):
    """One thing that happened."""

    at: int
    """When (ms)."""
    stage: str
    """`capture`, `replay`, `join`, `deliver`, `dead-letter`."""
    what: str
    """In a few words."""
    of: str
    """Which row or record, as it may be seen."""
    where: str
    """`topic/partition/offset` of the message that says so; `""` where none does alone."""
    facts: Mapping[str, str]
    """What else is known, by name."""

    def __repr__(self) -> str:
        """Without keys."""
        return f"Event(at={self.at}, stage={self.stage!r}, what={self.what!r})"


def timeline(found: Evidence, subject: Subject) -> list[Event]:
    """All that happened, the earliest first."""
    events = [
        *(event for one in found.changes if (event := _of_change(one, found, subject)) is not None),
        *(
            _of_ready(one, found, subject)
            for one in found.ready
            if subject.means_record(one.service, one.institution, one.record_key)
        ),
        *(event for one in found.receipts for event in _of_receipt(one, found, subject)),
        *(event for one in found.letters if subject.means_letter(one.letter) for event in _of_letter(one, found, subject)),
        *_of_plan(found, subject),
    ]
    return sorted(events, key=lambda event: (event.at, _STAGES[event.stage], _place_of(event)))


def _place_of(event: Event) -> tuple[str, int, int]:
    """Where its message stands, in the order of its topic: by numbers, for as text 10 comes before 9."""
    topic, *numbers = event.where.rsplit("/", 2)
    partition, offset = map(int, numbers or ("-1", "-1"))
    return topic, partition, offset


def changes_of(found: Evidence, subject: Subject) -> list[Incoming]:
    """The changes that the timeline tells of."""
    return [one for one in found.changes if _of_change(one, found, subject) is not None]


def _of_change(message: Incoming, found: Evidence, subject: Subject) -> Event | None:
    try:
        event = decode(message.value, server=server_of(message))
    except Rejected:
        return None  # it has a letter, which says more
    where = f"{message.topic}/{message.partition}/{message.offset}"
    match event:
        case Replay() | Release() | NotThere():
            return _of_order(event, message, where, subject)
        case Truncated():
            facts = _known({"committed": f"{event.committed_at}", "position": dotted(event.position)})
            return Event(message.timestamp_ms, "capture", "table emptied", f"{event.source} {event.table}", where, facts)
        case RowChange():
            return _of_row(event, message, where, found, subject)
        case _:
            return None


def _of_order(event: Replay | Release | NotThere, message: Incoming, where: str, subject: Subject) -> Event | None:
    """Of what a person ordered."""
    about = event.row if isinstance(event, NotThere) else event
    row = RowName(about.source, about.table, tuple(about.key.values()))
    if not subject.means_row(row) or (isinstance(event, Replay) and event.last):
        return None
    what = _ORDERED[type(event)]
    facts = {"plan": about.plan, "letter": event.letter if isinstance(event, Replay) else ""}
    return Event(message.timestamp_ms, "replay", what, subject.keys.row(row), where, _known(facts))


def _of_row(event: RowChange, message: Incoming, where: str, found: Evidence, subject: Subject) -> Event | None:
    row = RowName(event.source, event.table, subject.keys.key_of(event))
    if not subject.means_row(row):
        return None
    captured = found.captured.get(message.offset)
    facts = {
        "committed": f"{event.committed_at}",
        "position": dotted(event.position),
        "transaction": event.transaction,
        "captured as": "" if captured is None else f"{found.topics.rows(event.source)}/0/{captured}",
        "number": _header(message.headers, NUMBER),
        "joined": "" if found.lanes.joined < 0 or message.offset < found.lanes.joined else "not yet",
    }
    return Event(message.timestamp_ms, "capture", _what(event, message), subject.keys.row(row), where, _known(facts))


def _what(event: RowChange, message: Incoming) -> str:
    if event.left:
        return "row left for another visit"
    if event.absent:
        return "row found to be gone"
    if event.freed:
        return "record freed: no other row claims it"
    what = _OPS.get(event.op, event.op.value)
    if message.arrived:
        return f"{what}, and came from another visit"
    if any(name == DOUBTED for name, _ in message.headers):
        return f"{what}, and may have come from another visit"
    return f"{what}: another row claims its record" if message.claimed else what


def _of_ready(record: ReadyRecord, found: Evidence, subject: Subject) -> Event:
    if RECALL in record.added:
        what = "record recalled: no row backs it"
    elif REPORTED in record.added:
        what = "record made anew, another version was handed on before"
    else:
        what = "record made"
    facts = {
        "number": f"{record.number}",
        "bytes": f"{len(record.value)}",
        "content": record.content_hash,
        "mapping": record.mapping_version,
        "position": record.position,
        "committed": f"{record.committed_at}",
        "closes letter": closes(record.added),
        "order": _header(record.added, ANEW) or _header(record.added, REPLAY_ID),
        "goes": "without what it belongs to" if ALONE in record.added else "",
    }
    of = subject.keys.record(record.service, record.record_key)
    return Event(record.ready_at, "join", what, of, f"{found.topics.ready}/{record.partition}/{record.offset}", _known(facts))


def _of_receipt(one: Accepted, found: Evidence, subject: Subject) -> Iterator[Event]:
    receipt = one.receipt
    for line in receipt.records:
        if not subject.means_record(receipt.service, receipt.institution, line.key):
            continue
        facts = {
            "msgid": receipt.msgid,
            "plan": receipt.plan,
            "code": receipt.code,
            "answer": "repeated: the platform had it already" if receipt.repeated else "",
            "posts": f"{receipt.attempts}",
            "first posted": f"{receipt.begun_at}" if receipt.begun_at else "",
            "posted": f"{receipt.posted_at}",
            "number": f"{line.number}",
            "content": line.hash,
            "batch": count_of(len(receipt.records), "record"),
        }
        where = f"{found.topics.receipts}/{one.place.partition}/{one.place.offset}"
        of = subject.keys.record(receipt.service, line.key)
        yield Event(receipt.answered_at, "deliver", "accepted by the platform", of, where, _known(facts))


def _of_letter(told: Told, found: Evidence, subject: Subject) -> Iterator[Event]:
    letter = told.letter
    of = subject.letter(letter)
    failed_again = any(not one.closed for one in told.history)
    where = "" if failed_again else f"{found.topics.dead}/{letter.partition}/{letter.offset}"
    facts = {
        "letter": letter.id,
        "class": letter.dead_class,
        "rule": letter.rule,
        "cause": "=".join(filter(None, (letter.field, letter.cause))),
        "given up by": letter.stage,
        "mended by": letter.owner,
        "message": letter.message,
        "code": letter.code,
        "msgid": letter.shown["msgid"],
    }
    yield Event(letter.first, "dead-letter", "could not be reported", of, where, _known(facts))
    for one in told.history:
        what = _CLOSED.get(one.closed, f"letter closed: {one.closed}") if one.closed else "could not be reported, again"
        more = {"letter": letter.id, "by": one.who, "evidence": one.evidence, "message": one.why}
        yield Event(one.at, "dead-letter", what, of, "", _known(more))


def _of_plan(found: Evidence, subject: Subject) -> Iterator[Event]:
    for record in records_of(found, subject):
        plan = plan_of(record, found.lanes)
        if plan is not None:
            of = subject.keys.record(record.service, record.record_key)
            facts = {"plan": plan.id, "number": f"{record.number}", "records": f"{plan.size}"}
            yield Event(plan.opened_at * 1000, "deliver", "put into a plan", of, "", facts)


def records_of(found: Evidence, subject: Subject) -> list[ReadyRecord]:
    """The ready records that the timeline tells of."""
    return [one for one in found.ready if subject.means_record(one.service, one.institution, one.record_key)]


def plan_of(record: ReadyRecord, lanes: Lanes) -> Plan | None:
    """The plan under way that a record is in; None where it is in none, or that is not known."""
    mark = lanes.delivered
    if mark is None:
        return None
    aside = mark.aside.get(record.institution)
    plan, begin = (mark.plan, lanes.offset) if aside is None else (aside.plan, aside.offset)
    if plan is None or plan.of_orphans or not begin <= record.offset <= plan.last_offset:
        return None
    return plan


def _known(facts: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in facts.items() if value}


def _header(headers: Sequence[Header], name: str) -> str:
    return next(((value or b"").decode(errors="replace") for other, value in headers if other == name), "")

"""What a lane writes beside its committed offset: small JSON texts, one transaction each, from which the next owner goes on.

place     {"out": numbers of the next message for each partition of visit.changes, "born": when they began, as laid down with the
           first offset, "state": latest form of the entries in its topic place.state; absent where it has none,
           "tx": transaction of the last row and when it was captured; absent where capture does not say,
            "log": id of the topic that the offset is of, "tail": digest of the row before the offset}
join      {"seq": number of the next ready record, "born": when the numbers began, as laid down with the first offset,
           "state": latest form of the entries in its part of visit.state,
           "in": number of the next message of each series of visit.changes; absent before the first numbered one,
           "left": by series, number of the first row that left while it waited for another lane itself; absent where none did,
           "of": by series and institution ("" for all) the same, where it is known; absent where it is not, or is of all,
           "anew": number up to which what was made anew is in force; absent where nothing is,
           "log": id of visit.changes, "kept": [id of visit.state, end of what the transactions before this one wrote there]}
deliver   {"seq": number of the record at the offset, "last": id of the last plan, "row": refused records in a row,
           "plan": {"n": records, "to": last offset, "id": plan id, "no": refused nodes, "t": opened at, "c": mark of the cut,
                    "b": batches settled, "x": records left out, "q": 1 while no request is unanswered, "o": 1 if of orphans},
           "orphans": [parents that the platform refused, records that wait for them], "log": id of visit.ready,
           "at": number of the record at the offset, while "seq" is a lower one, of the first that is aside,
           "aside": by institution that is set aside: {"n": number from which on its records wait, "o": offset to read from,
                     "t": since when, "w": records that wait, "r": its refused records in a row, "p": its plan, with "ns" and
                     "xs" for lists in place of "no" and "x", "a": 1 for a plan of the lane, "k": settled records of the plan's
                     next batch, "f": 1 while nothing of it in a plan of the lane is settled, "c": why it is held, or "h": 1
                     where a person paused it},
           "layout": 2, of the last plan's msgids; absent where they have the first,
           "rows": by institution, its refused records in a row; absent of one that has none, "why": why the lane is held}

"log" and "kept" are absent where brokers have no ids, and where a version wrote the mark that did not ask for them.
A lane writes its whole mark anew with each transaction, so a member that it does not know would be lost: what a later version wrote
is refused. Only `seq` is asked of marks by others than their lane, and they do not mind the rest; a version that changes what it
means, or that must keep out even versions which do not look for unknown members, writes it as text: so does this one beside
"orphans", because a version that knows nothing of them would never send them, and beside a plan with "layout", because one that
makes other msgids would send what is in doubt once more. Beside "aside" it is text, too, and names what every reader of marks may
take for settled: a version that knows nothing of it refuses the mark, and one that only compares does not pass what waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Final

import orjson

from streams.domain.batch.msgid import LAYOUT, layout_of
from streams.domain.join.entries import FORM as ENTRY_FORM
from streams.domain.place.entries import AWAITED_FORM as PLACED_FORM
from streams.domain.place.going import NOTHING, Going
from streams.errors import Newer
from streams.lanes.deliver.aside import Aside, aside_in, lowest
from streams.lanes.deliver.plan import Plan, plan_in
from streams.lanes.mark_text import foreign, left_by_institution, number_in, numbers_in, object_of, refuse_others

_PLACE: Final = frozenset({"out", "born", "state", "tx", "log", "tail"})
_JOIN: Final = frozenset({"seq", "born", "state", "in", "left", "of", "log", "kept", "anew"})
_DELIVER: Final = frozenset({"seq", "last", "row", "plan", "orphans", "log", "at", "aside", "layout", "rows", "why"})
MOST_CHARS: Final = 4000
"""Of a mark with what it may leave out. The metadata of an offset holds 4,096."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceMark:
    """What a place lane writes beside its offset."""

    out: tuple[int, ...]
    """By partition of `visit.changes`: number of the next message."""
    born: str = ""
    """Tells its numbers from those of topics that were made anew."""
    state: int = 0
    """Latest form of the entries that its transactions wrote into `place.state`; 0 where they wrote none."""
    going: Going = NOTHING
    """The transaction of the last row: the next worker must know it, too, or it would call what goes on ended."""
    log: str = ""
    """Id of the topic that it reads; `""` where it is not known."""
    tail: str = ""
    """Digest of the row before the offset (`tail_of`), by which a log is known that was cut and grew again; `""` for none."""

    def text(self) -> str:
        """As it is committed."""
        state = {"state": self.state} if self.state else {}
        going = {"tx": self.going[:2]} if self.going.transaction else {}
        log = {**_named("log", self.log), **_named("tail", self.tail)}
        return orjson.dumps({"out": self.out, "born": self.born, **state, **going, **log}).decode()

    def series(self, source: str) -> str:
        """The name of its numbers."""
        return f"{source}/{self.born}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinMark:
    """What a join lane writes beside its offset."""

    seq: int
    """Number of the next ready record of the partition."""
    born: str = ""
    """Tells its numbers from those of topics that were made anew."""
    state: int = 1
    """Latest form of the entries that its transactions wrote into `visit.state`; 1 where a version wrote them that did not say."""
    taken: Mapping[str, int] = field(default_factory=dict)
    """By series of `visit.changes`: number of the next message. Empty before the first numbered one."""
    left: Mapping[str, int] = field(default_factory=dict)
    """By series: number of the first row that left while it waited for the lane of another partition itself, and still would. Who
    follows such a row must not pass it."""
    left_of: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By series and institution, `""` for all: the same, where it is known of each of these rows whose record it is. Rows of
    others may pass."""
    log: str = ""
    """Id of the topic that it reads; `""` where it is not known."""
    kept: tuple[str, int] = ("", 0)
    """Id of `visit.state`, and how far its own part of it was written by the transactions before this one."""
    anew: int = 0
    """The deliver stage goes by what was made anew below this number; 0 where there is nothing, or all of it was passed."""

    def text(self) -> str:
        """As it is committed."""
        state = {"state": self.state} if self.state > 1 else {}
        taken = ({"in": self.taken} if self.taken else {}) | ({"left": self.left} if self.left else {})
        left_of = {"of": self.left_of} if self.left_of else {}
        kept = ({"kept": self.kept} if self.kept[0] else {}) | ({"anew": self.anew} if self.anew else {})
        return orjson.dumps(
            {"seq": self.seq, **_named("born", self.born), **state, **taken, **left_of, **_named("log", self.log), **kept}
        ).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverMark:
    """What a deliver lane writes beside its offset."""

    seq: int
    """Number of the record at the offset."""
    last_plan: str = ""
    """Id of the last plan, so that the time of plans does not go back while none is open."""
    refused_in_a_row: int = 0
    """Records refused since one was accepted, across plans, for the flood guard."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """By institution: the same of its records; absent where that is none, or there was no room for it."""
    plan: Plan | None = None
    """The plan that is open; None where there is none."""
    orphans: tuple[int, int] = (0, 0)
    """What stands in its part of `visit.orphans`: parents that the platform refused, and records that wait for them."""
    log: str = ""
    """Id of the topic that it reads; `""` where it is not known."""
    aside: Mapping[str, Aside] = field(default_factory=dict)
    """By institution: what is set aside."""
    why: str = ""
    """Why the lane is held with its open plan (`streams.lanes.deliver.held_cause`); `""` where it is not, or nobody heard why."""

    def text(self) -> str:
        """As it is committed."""
        mark: dict[str, object] = {"seq": self.seq}
        if self.aside or any(self.orphans) or (self.plan is not None and (self.plan.left or self.plan.of_orphans)):
            mark = {"seq": f"{lowest(self.aside.values(), self.seq)}", "orphans": self.orphans}
        if self.aside:
            mark |= {"at": self.seq, "aside": {name: entry.document() for name, entry in self.aside.items()}}
        if self.last_plan:
            mark["last"] = self.last_plan
        if LAYOUT in {layout_of(plan) for plan in (self.last_plan, self.plan and self.plan.id) if plan}:
            mark |= {"layout": LAYOUT} | ({"seq": f"{mark['seq']}"} if self.plan is not None else {})
        if self.refused_in_a_row:
            mark["row"] = self.refused_in_a_row
        if self.plan is not None:
            mark["plan"] = self.plan.document()
        rows = {"rows": self.rows} if self.rows else {}
        text = orjson.dumps(mark | _named("log", self.log) | _named("why", self.why) | rows).decode()
        # Where there is no room, a flood of one institution is seen later, and the log alone says why somebody waits.
        return text if len(text) <= MOST_CHARS or (shorter := self._shorter()) == self else shorter.text()

    def _shorter(self) -> "DeliverMark":
        return replace(self, rows={}, why="", aside={name: entry.in_short() for name, entry in self.aside.items()})


def first_marks(born: str, *, partitions: int) -> Mapping[str, str]:
    """What the first offset of each stage carries: its numbers begin at 1. partitions: of the site.

    born: a new name for these numbers. A join worker keeps a copy of its state on disk; by this name it knows a copy that belongs
    to topics which were deleted and made anew.
    """
    return {
        "place": PlaceMark(out=(1,) * partitions, born=born).text(),
        "join": JoinMark(seq=1, born=born).text(),
        "deliver": DeliverMark(seq=1).text(),
    }


def place_mark(text: str) -> PlaceMark:
    """The place stage's mark. Raises Fatal when the text is not one of ours, Newer when a later version wrote it."""
    mark = object_of(text)
    out = mark.get("out")
    if isinstance(out, str):
        raise Newer('the mark beside the committed offset ("out" as text)')
    if not isinstance(out, list) or not all(type(number) is int for number in out):
        raise foreign()
    refuse_others(mark, _PLACE)
    born, log, tail = (f"{mark.get(name, '')}" for name in ("born", "log", "tail"))
    found = PlaceMark(
        out=tuple(out),
        born=born,
        log=log,
        tail=tail,
        state=number_in(mark, "state") if "state" in mark else 0,
        going=_going(mark.get("tx")),
    )
    if found.state > PLACED_FORM:
        raise Newer(f"this source's part of place.state (form {found.state}; this version knows {PLACED_FORM})")
    return found


def tail_of(value: bytes | None) -> str:
    """The digest of a row's value."""
    return blake2b(value or b"", digest_size=6).hexdigest()


def join_mark(text: str) -> JoinMark:
    """The join's mark. Raises Fatal when the text is not one of ours, Newer when a later version wrote it, or state entries."""
    mark = object_of(text)
    if "seq" in mark:
        refuse_others(mark, _JOIN)
    found = JoinMark(
        seq=number_in(mark, "seq"),
        born=f"{mark.get('born', '')}",
        state=number_in(mark, "state") if "state" in mark else 1,
        taken=numbers_in(mark["in"]) if "in" in mark else {},
        left=numbers_in(mark["left"]) if "left" in mark else {},
        left_of=left_by_institution(mark),
        log=f"{mark.get('log', '')}",
        kept=_kept(mark["kept"]) if "kept" in mark else ("", 0),
        anew=number_in(mark, "anew") if "anew" in mark else 0,
    )
    if found.state > ENTRY_FORM:
        raise Newer(f"this partition's part of visit.state (form {found.state}; this version knows {ENTRY_FORM})")
    return found


def deliver_mark(text: str) -> DeliverMark:
    """The deliver stage's mark. Raises Fatal when the text is not one of ours, Newer when a later version wrote it."""
    mark = object_of(text)
    if "seq" in mark:
        refuse_others(mark, _DELIVER)
    plan = mark.get("plan")
    if "layout" in mark and (layout := number_in(mark, "layout")) > LAYOUT:
        raise Newer(f"this partition's msgids (layout {layout}; this version knows {LAYOUT})")
    return DeliverMark(
        seq=number_in(mark, "at") if "aside" in mark else seq_in(mark),
        aside=aside_in(mark["aside"]) if "aside" in mark else {},
        orphans=_pair(mark["orphans"]) if "orphans" in mark else (0, 0),
        last_plan=f"{mark.get('last', '')}",
        refused_in_a_row=number_in(mark, "row") if "row" in mark else 0,
        rows=numbers_in(mark.get("rows", {})),
        why=f"{mark.get('why', '')}",
        plan=None if plan is None else plan_in(plan),
        log=f"{mark.get('log', '')}",
    )


def seq_of(text: str) -> int:
    """The number in a mark up to which all is done, whatever a later version wrote beside it. Raises Fatal as the others."""
    return seq_in(object_of(text))


def anew_of(text: str) -> int:
    """Up to which number what was made anew is in force, by a join's mark that is only compared. Raises Fatal as the others."""
    mark = object_of(text)
    return number_in(mark, "anew") if "anew" in mark else 0


def seq_in(mark: dict[str, object]) -> int:
    """The number in a mark that was read. Raises Fatal as the others."""
    if ("orphans" in mark or "layout" in mark) and isinstance(said := mark.get("seq"), str) and said.isdecimal():
        return int(said)
    return number_in(mark, "seq")


def _pair(value: object) -> tuple[int, int]:
    match value:
        case [int(refused), int(waiting)]:
            return refused, waiting
        case _:
            raise foreign()


def _going(value: object) -> Going:
    match value:
        case None:
            return NOTHING
        case [str(transaction), int(at)]:
            return Going(transaction, at)
        case _:
            raise foreign()


def _kept(value: object) -> tuple[str, int]:
    match value:
        case [str(found), int(end)]:
            return found, end
        case _:
            raise foreign()


def _named(name: str, value: str) -> dict[str, str]:
    """A member, where it says something."""
    return {name: value} if value else {}

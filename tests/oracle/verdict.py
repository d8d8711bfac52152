"""Feeds a course to the product's join and says where what came out is not what must."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.oracle.course import Course
from tests.oracle.database import TWICE, Row, Where
from tests.oracle.expected import Child, Holds, Open, Several, Told, expected
from tests.oracle.features import KEPT, Features
from tests.oracle.flow import Flow
from tests.oracle.known import Known, each, shown
from tests.oracle.messages import Kind, as_known

_NO_SETTLEMENT, _UNSETTLED = Told("JOIN_INCOMPLETE", "MISSING_SETTLEMENT"), Told("JOIN_INCOMPLETE", "MISSING_UNSETTLED")
"""Of a line that names a settlement which is not there, and of one of which nobody knows whether there will be one."""
WITHDRAWN = {"KEY_CHANGED_AFTER_REPORT", "DELETED_AFTER_REPORT"}
"""The letters about reported records that no row backs any more."""


def faults(course: Course, features: Features = KEPT) -> list[str]:
    """What the stages did wrong in this course, in words; empty where nothing."""
    flow, known, found = (
        Flow(where=features.rows_uncount, match=features.lines_match, moves=features.tables_move),
        Known(moves=features.tables_move),
        list[str](),
    )
    held: dict[tuple[str, str], Any] = {}
    for number, message in enumerate(course.messages):
        known.take(as_known(message) if features.rows_uncount else message)
        before = len(flow.told)
        match message.kind:
            case Kind.LOOKUP:
                flow.patients.take(message)
                if flow.patients.fresh:
                    found += flow.patients.wrong()
            case Kind.WORKER:
                flow.change_workers(message)
            case Kind.TICK:
                flow.tick(message)
            case Kind.COMPARED:
                flow.compare(message)
            case Kind.ABSENT:
                flow.tell_absent(message, known)
            case Kind.ROW:
                value = message.value or b""
                outcome = flow.take(orjson.loads(value)["source"]["name"], value, message)
                if message.repeated and outcome:
                    found.append(f"message {number}, which was sent before, led to {', '.join(outcome)}")
        wrong = (*known.guessed(flow.told[before:]), *known.overwritten(flow.told[before:], held))
        found += [f"message {number}: {one}" for one in wrong]
        held |= {(service, key): values for kind, service, key, values in flow.told[before:] if kind == "record"}
    return [*found, *flow.patients.wrong(), *_orphans(flow.told), *_wrong_in_the_end(course, flow, features)]


@dataclass(slots=True)
class Outcome:
    """What stands after all messages, by service and record key. Each with the moment at which it came."""

    last_in: Mapping[tuple[str, str], bytes]
    """The visit in which each record was reported last."""
    held: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    """What the platform holds."""
    letters: defaultdict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=lambda: defaultdict(list))
    collided: defaultdict[tuple[str, str], set[Where]] = field(default_factory=lambda: defaultdict(set))
    """The rows that are told as colliding."""
    withdrawn: dict[tuple[str, str], tuple[int, bytes]] = field(default_factory=dict)
    """The records that are told as having no row, and not told as having one again, with the visit that told so."""

    def take(self, moment: int, kind: str, name: tuple[str, str], what: Any) -> None:
        if kind == "ended":
            return  # of letters that are told since a record, `told_of` asks whether they still must be there
        if kind in ("record", "recall"):
            # What is recalled may have waited for a refused parent until then: the platform has none of it.
            self.held[name] = moment if kind == "record" else self.held[name][0], what
        elif kind == "closed" and what in WITHDRAWN:
            self.withdrawn.pop(name, None)
        elif kind == "closed":
            self.collided[name].discard(what)
        elif what[0] == "COLLISION":
            self.collided[name].add(what[2])
        else:
            self.letters[name].append((moment, what))
            if what[1] in WITHDRAWN:
                self.withdrawn[name] = moment, what[3]

    def left_open(self, name: tuple[str, str], must: Any) -> str:
        """Whether a letter about a record without a row is open for one that was reported since, or none for one that has none.
        Where another visit reports it since, by a row that was not known to move there, the letter stands (docs/exactness.md).
        """
        since, values = self.held.get(name, (-1, None))
        told, visit = self.withdrawn.get(name, (since, b""))
        if since > told and visit == self.last_in[name]:
            return "it was reported after a person was told that it is withdrawn, and that letter is open"
        return "no row backs it, and no letter about that is open" if must is None and values and name not in self.withdrawn else ""

    def told_of(self, name: tuple[str, str], rows: Mapping[Where, Row]) -> list[Any]:
        """The letters about a record since it was reported last; where several rows may be one record also those of rows that stand
        there still, for it may have been another one that was reported.
        """
        since, _ = self.held.get(name, (-1, None))
        return [what for moment, what in self.letters[name] if moment > since or (what[2] in TWICE and what[2] in rows)]


def _wrong_in_the_end(course: Course, flow: Flow, features: Features) -> Iterator[str]:
    ended = Outcome(flow.last_in)
    for moment, (kind, service, key, what) in enumerate(flow.told):
        ended.take(moment, kind, (service, key), what)
    held, letters = ended.held, ended.letters
    musts = expected(course.rows, moves=features.tables_move)
    if features.lines_match:
        musts = {name: _UNSETTLED if name[1].startswith("C") and must == _NO_SETTLEMENT else must for name, must in musts.items()}
    for where in musts.keys() | held.keys():
        values, later = held.get(where, (-1, None))[1], ended.told_of(where, course.rows)
        must = musts.get(where)
        if isinstance(must, Child):
            if any(parent not in held or _taken_back(held[parent][0], letters[parent]) for parent in must.parents):
                continue  # what was reported of it with another parent stands
            must = must.then
        if wrong := ended.left_open(where, must):
            yield f"{where}: {wrong}"
        if wrong := _wrong(must, values, later) or _told_of(must, values, ended.collided[where]):
            yield f"{where}: {wrong}"
    if features.withdrawn_at_the_end:
        absent = {key for _, key in course.absent} | course.without
        withdrawn = {key for (_, key), all_ in letters.items() for _, what in all_ if what[0] == "WITHDRAWN"}
        yield from (f"{key}: told as withdrawn, and never gone" for key in sorted(withdrawn - absent))


def _orphans(told: list[tuple[str, str, str, Any]]) -> Iterator[str]:
    """Records that were reported before what they belong to. The sites of the courses are hospitals, which report visits."""
    seen: set[tuple[str, str]] = set()
    for kind, service, key, values in told:
        if kind == "record":
            parents = {"setl_d": {"mdtrt_d": "MDTRT_ID"}, "fee_list_d": {"mdtrt_d": "MDTRT_ID", "setl_d": "SETL_ID"}}.get(
                service, {}
            )
            for parent, name in parents.items():
                if (parent, values[name]) not in seen:
                    yield f"{service} {key} was reported before {parent} {values[name]}"
            seen.add((service, key))


def _taken_back(since: int, letters: list[tuple[int, Any]]) -> bool:
    """Whether a person was told to take a record back since it was reported last: then it is nobody's parent."""
    return any(moment > since and what[0] == "WITHDRAWN" for moment, what in letters)


def _told_of(must: Any, held: Any, collided: set[Where]) -> str:
    """Whether of each row that says something else than the platform holds a person was told, and of no other."""
    if any(isinstance(one, Open) for one in each(must).values()):
        return ""
    other = {where for where, one in each(must).items() if isinstance(one, Holds) and shown(one, held or {}) != one.values}
    return "" if other == collided else f"{collided} were told as colliding, and {other} do"


def _wrong(must: Holds | Told | Open | Several | None, held: Any, told: list[Any]) -> str:
    """What is wrong with a record in the end; `""` for nothing. told: the letters about it since it was reported last."""
    match must:
        case Holds(values):
            shown = None if held is None else {name: held.get(name) for name in values}
            return "" if shown == values else f"the platform holds {shown} and must hold {values}"
        case Open(rule, candidates):
            stands = any({name: (held or {}).get(name) for name in one} == one for one in candidates)
            return (
                ""
                if stands or any(("AMBIGUOUS", rule) == letter[:2] for letter in told)
                else f"{rule} was not told, but {told}; the platform holds {held}"
            )
        case Told(dead_class, rule):
            fits = any(dead_class == one and rule in (None, other) for one, other, *_ in told)
            return "" if fits else f"{must} was not told, but {told}"
        case None:
            return "" if any(letter[0] == "WITHDRAWN" for letter in told) else "the row is gone, and nobody was told"
        case Several(rows):
            # Of one that was reported and is refused since, the platform holds what it said before.
            fits = [not _wrong(one, held, told) for one in rows.values()]
            missing = held is None and any(isinstance(one, Holds) for one in rows.values())
            return "" if any(fits) and not missing else f"the platform holds {held}, which none of {rows} says"

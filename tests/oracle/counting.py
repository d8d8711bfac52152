"""Courses of hospitals some of whose rows do not count, held against hospitals that do not have these rows at all; and of such that
write something for NULL, against such that write NULL.
"""

from dataclasses import replace
from typing import Any

import orjson

from tests.oracle.course import Course, course
from tests.oracle.features import KEPT
from tests.oracle.flow import Flow
from tests.oracle.messages import Kind, Message, with_nulls, without_others
from tests.oracle.stages import run_many
from tests.oracle.verdict import faults

ALIKE = replace(KEPT, rows_uncount=True, read_anew=False)
"""What is told is the same, message by message: nothing is read ahead of the log."""
ALL = replace(KEPT, rows_uncount=True)
"""What holds in the end is the same."""


def differences(told: Course) -> list[str]:
    """Where the stages, told which rows count, did something else than without the other rows; empty where nowhere."""
    flow, other = Flow(where=True), Flow()
    for number, message in enumerate(told.messages):
        before = len(flow.told), len(other.told)
        _take(flow, message)
        _take(other, without_others(message))
        if message.kind is Kind.ROW and message.otherwise is None:
            _hear(other, message)
        said, expected = sorted(map(repr, flow.told[before[0] :])), sorted(map(repr, other.told[before[1] :]))
        if said != expected:
            return [f"message {number} led to {said}, and without the rows that do not count to {expected}"]
    return []


def _take(flow: Flow, message: Message) -> None:
    match message.kind:
        case Kind.LOOKUP:
            flow.patients.take(message)
        case Kind.WORKER:
            flow.change_workers(message)
        case Kind.TICK:
            flow.tick(message)
        case Kind.ROW if message.value is not None:
            source: Any = orjson.loads(message.value)["source"]
            flow.take(source["name"], message.value, message)


def _hear(other: Flow, message: Message) -> None:
    """The transaction goes on with something else: when it ended is known as early as with the row that does not count."""
    value: Any = orjson.loads(message.value or b"")
    if value["op"] != "r":
        other.placing[value["source"]["name"]].hear(f"{value['source']['txId'] or ''}", message.at)


def null_differences(told: Course) -> list[str]:
    """Where the stages, told what stands for NULL, did something else than where NULL stands; empty where nowhere."""
    flow, other = Flow(nulls=True), Flow()
    for number, message in enumerate(told.messages):
        before = len(flow.told), len(other.told)
        _take(flow, with_nulls(message))
        _take(other, message)
        if (said := flow.told[before[0] :]) != (expected := other.told[before[1] :]):
            return [f"message {number} led to {said}, and with NULL to {expected}"]
    return []


def run(seed: int) -> list[str]:
    """What went wrong in the two courses of this seed."""
    return [*differences(course(seed, ALIKE)), *faults(course(seed, ALL), ALL), *null_differences(course(seed))]


if __name__ == "__main__":
    raise SystemExit(run_many("counting", run, count=10_000))

"""`yibao status` of what is held back and nobody's fault: by limits, and by parts that did not come yet."""

import json
import re
from dataclasses import replace

import pytest

from streams.explain.pending import Awaited
from streams.lanes.marks import DeliverMark
from streams.telemetry.conditions import PROBED
from streams.topics.steering import LimitOrder
from tests.unit.yibao.test_status_lines import H1, H2, LIMITS, NOW, asked, first, marks, told
from yibao.lag.counted import Kind
from yibao.status.lines import lines_of
from yibao.status.shown import document, look_of
from yibao.status.waits import PartsWaiting

AGAIN = f"{PROBED}2026-11-14T20:05:00+08:00"


def limit(institution="", **most):
    about = {"at": "2026-11-14T20:00:00+08:00", "by": "li@sre", "why": "first load"}
    return LimitOrder(institution=institution, **about, **most)


@pytest.mark.parametrize(
    ("orders", "heard", "age_s", "of_stage", "of_institution"),
    [
        ([limit(requests_per_s=0.5)], [], 900, "throttled", "behind_another"),
        ([limit(requests_per_s=0.5)], [], 5, "moves", "moves"),
        ([limit(H1, records_per_s=2)], [], 900, "stands", "throttled"),
        ([limit(H2, records_per_s=2)], [], 900, "stands", "behind_another"),
        ([limit(H1, records_per_s=2)], [told("deliver-0", "limited", H1)], 5, "moves", "throttled"),
        ([limit(H1)], [], 900, "stands", "behind_another"),
        ([], [told("deliver-0", "limited", "all")], 5, "throttled", "moves"),
        ([], [told("deliver-0", "institution_throttled", f"{H1}: throttled{AGAIN}")], 5, "moves", "throttled"),
        ([], [told("deliver-0", "institution_throttled", f"{H2}: throttled{AGAIN}")], 5, "moves", "moves"),
    ],
)
def test_a_limit_is_the_reason_where_a_worker_says_so_and_where_what_waits_is_late(orders, heard, age_s, of_stage, of_institution):
    """Who does not see that a person slowed it down looks for a fault of the platform. Where nothing is late, it is no reason."""
    kinds = {(H1, "fee_list_d"): Kind(60, NOW - age_s * 1000)}
    said = replace(asked(marks(delivered=DeliverMark(seq=40)), kinds=kinds, heard=heard), limits=orders)
    lines = {line.title: line.reason for line in lines_of(said, LIMITS)}
    assert (of_stage, of_institution) == (lines["deliver"].name, lines[f"institution {H1}"].name)
    throttled = [one for one in lines.values() if one.name == "throttled"]
    assert [True] * len(throttled) == [not orders or ("li@sre" in one.says and "first load" in one.says) for one in throttled]


WAITING = PartsWaiting(
    of=[
        Awaited("his", H1, "settlement", 40, 2, NOW - 7_200_000),
        Awaited("his", "", "visit", 3, 0, NOW - 60_000),
        Awaited("his", H2, "lookup item", 7, 0, NOW - 30_000),
    ]
)


def test_what_waits_for_its_parts_is_counted_of_the_join_and_of_each_institution():
    """Nothing is behind then, no stage has anything to do, and still records are missing at the platform."""
    said = asked(marks(), parts=WAITING)
    lines = {line.title: line.reason for line in lines_of(said, LIMITS)}
    assert ["join", f"institution {H1}", f"institution {H2}"] == [
        title for title, reason in lines.items() if reason.name == "waits_for_parts"
    ]
    assert lines["join"].says == "50 rows wait for parts, the oldest for 2h 0m: 40 settlement, 7 lookup item, 3 visit"
    assert ("yibao join pending", f"yibao join pending --institution {H1}") == (
        lines["join"].mend,
        lines[f"institution {H1}"].mend,
    )
    assert first(said) is None


def test_what_waits_for_its_parts_stands_on_the_screen_and_in_the_document():
    """By source, institution and part, what waits longest first; and that not all was counted is said."""
    about = {"site": "s", "now_ms": NOW, "zone": "UTC"}
    parts = replace(WAITING, unknown="9 of 80 messages were read", differing={"his": 4})
    lines = lines_of(asked(marks(), parts=parts), LIMITS)
    screen = look_of(lines, parts=parts, **about).screen
    assert screen.splitlines()[0].endswith("nothing needs a person; 50 rows lack parts")
    rows = [line.split(maxsplit=5) for line in screen.splitlines() if " his " in line and line.split()[0].isdigit()]
    assert ["40 2h 0m his", "3 60 s his", "7 30 s his"] == [line.partition(" his ")[0] + " his" for line in map(" ".join, rows)]
    assert [[H1, "settlement"], ["-", "visit"], [H2, "lookup item"]] == [
        re.split(r" {2,}", line)[-2:] for line in screen.splitlines() if re.match(r" *\d+ .* his ", line)
    ]
    assert "not counted to the end: 9 of 80 messages were read" in " ".join(screen.split())
    assert all(len(line) <= 80 for line in screen.splitlines())
    told = "R2: settlements whose lines add up to something else than they say: 4 of his; yibao join sums"
    assert told in " ".join(screen.split())
    found = json.loads(json.dumps(document(lines, parts=parts, **about)))["parts_waiting"]
    assert {"his": 4} == found["settlements_that_differ"]
    assert (50, "9 of 80 messages were read") == (found["rows"], found["unknown"])
    assert [(H1, "settlement", 40, 2), (None, "visit", 3, 0), (H2, "lookup item", 7, 0)] == [
        (one["institution"], one["waits_for"], one["rows"], one["told"]) for one in found["of"]
    ]
    assert [7200.0, 60.0, 30.0] == [one["oldest_age_s"] for one in found["of"]]


@pytest.mark.parametrize(
    ("wanted", "rows"), [({}, 50), ({"sources": ["his"]}, 50), ({"sources": ["lis"]}, 0), ({"institution": H2}, 7)]
)
def test_what_is_not_asked_for_is_not_counted(wanted, rows):
    """`--source` and `--institution` choose of this, too."""
    assert rows == WAITING.only(**wanted).rows

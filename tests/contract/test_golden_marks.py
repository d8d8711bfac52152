"""The marks that earlier versions left beside their offsets are read by this one, and what a later one adds is recognised."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from streams.domain.join.entries import FORM as ENTRY_FORM
from streams.domain.place.entries import AWAITED_FORM as PLACED_FORM
from streams.errors import Newer
from streams.lanes.marks import deliver_mark, join_mark, place_mark, seq_of

GOLDEN = Path(__file__).parent / "golden"
MARK = {"place": place_mark, "join": join_mark, "deliver": deliver_mark}


def each(*names):
    """One test for each thing in these files."""
    found = [(name, one) for name in names for one in json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))]
    return pytest.mark.parametrize("one", [pytest.param(one, id=f"{name}: {one['name']}") for name, one in found])


def as_far_as(told, expected):
    """The members that the file names: later versions give things more of them."""
    if not isinstance(expected, dict):
        return told
    return {name: as_far_as(told[name], wanted) for name, wanted in expected.items()}


@each(
    "marks_v1",
    "marks_v2",
    "marks_v3",
    "marks_v4",
    "marks_v5",
    "marks_v6",
    "marks_v7",
    "marks_v8",
    "marks_v9",
    "marks_v10",
    "marks_v11",
)
def test_a_mark_is_read(one):
    """It stands beside the offset at which an updated worker goes on; the plan in it was perhaps posted."""
    mark = MARK[one["stage"]](one["text"])
    assert one["means"] == as_far_as(json.loads(json.dumps(asdict(mark))), one["means"])
    assert one["text"] == mark.text()


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("deliver", '{"seq":"184","orphans":[0,0],"beside":{"H36110200001":[1,7,3,733,1714536000,"0"]}}'),
        ("deliver", '{"seq":"9","orphans":[0,0],"at":184,"aside":{"H36110200001":{"n":9,"o":9,"t":1,"w":1,"z":1}}}'),
        ("deliver", '{"seq":184,"plan":{"n":5,"to":7,"id":"20240501120000b00","no":"0","t":1714536000,"c":"8c1f","layout":2}}'),
        ("deliver", '{"seq":"184","last":"29dzc0s1te0b00","layout":3}'),
        ("place", '{"out":[1,1],"born":"x","ends":{}}'),
        ("place", f'{{"out":[1,1],"born":"x","state":{PLACED_FORM + 1}}}'),
        ("join", '{"seq":184,"born":"x","rows":{"his":733}}'),
        ("join", '{"seq":184,"born":"x","renewed":733}'),
        ("join", f'{{"seq":184,"born":"x","state":{ENTRY_FORM + 1}}}'),
    ],
)
def test_a_mark_that_a_later_version_wrote_is_refused(stage, text):
    """The next transaction would write it anew without what was added: what was set aside, or how the plan was named."""
    with pytest.raises(Newer, match="newer version"):
        MARK[stage](text)


@pytest.mark.parametrize("text", ['{"seq":184,"added":1}', '{"seq":184,"state":99}'])
def test_who_only_asks_for_a_marks_number_does_not_mind_what_was_added(text):
    """The deliver stage compares itself with the join's number: it may be updated after the join."""
    assert 184 == seq_of(text)

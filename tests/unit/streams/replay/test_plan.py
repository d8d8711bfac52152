"""The file of a replay plan: what was read is what was written, and whatever else is refused."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Misconfigured
from streams.replay.plan import SENT, Depth, Item, Outcome, Plan, digest_of, load

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
ITEMS = st.builds(
    Item, TEXTS, st.integers(0, 11), st.integers(0, 10**9), st.sampled_from(list(Outcome)), st.text("ABC_ ", max_size=9)
)
PLANS = st.builds(
    Plan,
    id=TEXTS,
    at=TEXTS,
    by=TEXTS,
    why=TEXTS,
    site=TEXTS,
    depth=st.sampled_from(list(Depth)),
    filter=TEXTS,
    mapping=TEXTS,
    ends=st.dictionaries(st.integers(0, 11), st.integers(0, 10**9), max_size=3),
    items=st.lists(ITEMS, max_size=5).map(tuple),
)


@given(PLANS)
def test_what_is_read_is_what_was_written(plan):
    """The run sends what the dry run looked at."""
    assert plan == load(plan.dump())


@given(PLANS, PLANS)
def test_two_plans_are_told_apart(one, other):
    """By what the audit log keeps of them."""
    assert (one == other) == (digest_of(one.dump()) == digest_of(other.dump()))


@given(PLANS)
def test_what_is_sent_would_pass_or_close(plan):
    """Nothing that would fail again is sent."""
    assert [item for item in plan.items if item.outcome in SENT] == list(plan.passing)


@given(PLANS, st.integers(0, 11), st.integers(0, 10**9))
def test_a_plan_is_of_what_stood_before_its_ends(plan, partition, offset):
    """What is told again since is another failure than the one that was looked at."""
    assert plan.covers(partition, offset) == (partition in plan.ends and offset < plan.ends[partition])


@pytest.mark.parametrize("file", [b"", b"hello", b"{}", b"[]", b'{"form":1}', b"\xff\xfe", b'{"form":1,"ends":{}}\n[1]'])
def test_what_is_no_plan_is_refused(file):
    """Somebody gave another file."""
    with pytest.raises(Misconfigured, match="replay plan"):
        load(file)


def test_a_plan_of_a_later_version_is_made_anew():
    """It may hold what this version would not do."""
    with pytest.raises(Misconfigured, match="make it anew"):
        load(orjson.dumps({"form": 3}))

"""What is aside stands in the lane's mark alone: it is read back as it was, in little room, and older versions keep away."""

import orjson
import pytest

from streams.errors import Fatal, Newer
from streams.lanes.deliver.aside import MOST_BYTES, Aside, bytes_of
from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark, deliver_mark, seq_of
from streams.lanes.passed_marks import undelivered

PLAN = Plan(size=2000, last_offset=9_000, id="20240506070809001", refused=0, opened_at=1_714_000_000, cut="c0ffee00")
ENTRY = Aside(number=41, offset=77, since=1_714_000_000, waiting=12)
MARK = DeliverMark(seq=100, last_plan=PLAN.id, log="id", aside={"H36110200001": ENTRY})


@pytest.mark.parametrize(
    "entry",
    [
        ENTRY,
        Aside(number=1, offset=0, since=1, plan=PLAN, whole=True, skipped=3, fresh=True, refused_in_a_row=9, waiting=-4),
        Aside(number=1, offset=0, since=1, plan=PLAN.refuse(3).refuse(3_990).leave_out(1 << 1_800).settle(7)),
        Aside(number=1, offset=0, since=1, plan=PLAN.leave_out((1 << 2_000) - 1)),
    ],
    ids=["no plan", "of the lane", "listed", "many"],
)
def test_what_is_aside_is_read_as_it_was_written(entry):
    """The next owner of the partition knows nothing else of it."""
    mark = DeliverMark(seq=100, aside={"H36110200001": entry, "P36110200002": ENTRY})
    assert mark == deliver_mark(mark.text())


def test_one_refusal_at_the_end_of_a_long_plan_takes_little_room():
    """An offset's metadata holds 4,096 bytes, and a bit set a thousand of them."""
    assert bytes_of({"H36110200001": Aside(number=1, offset=0, since=1, plan=PLAN.refuse(3_990))}) < MOST_BYTES / 3


def test_whoever_only_compares_takes_what_waits_for_not_settled():
    """A row that moves to another visit must not pass what waits of it here. That version knows nothing of what is aside."""
    assert (41, 0, 100) == (seq_of(MARK.text()), orjson.loads(MARK.text())["orphans"][0], deliver_mark(MARK.text()).seq)


def test_the_lag_is_what_waits_and_not_what_the_others_have_delivered_meanwhile():
    """One hospital's key would look as if all of them stood."""
    assert (17, 5) == (undelivered(MARK.text(), 105), undelivered(DeliverMark(seq=100).text(), 105))


def test_a_mark_without_anything_aside_is_what_it_was_before():
    """A site that never needed it can go back to the version before."""
    assert '{"seq":100}' == DeliverMark(seq=100).text()


def test_what_a_later_version_says_of_it_stops_this_one():
    """It would be lost with the next commit, and perhaps a hospital's records with it."""
    later = MARK.text().replace('"w":12', '"w":12,"z":1')
    with pytest.raises(Newer):
        deliver_mark(later)
    with pytest.raises(Fatal):
        deliver_mark(MARK.text().replace('"w":12', '"w":"12"'))

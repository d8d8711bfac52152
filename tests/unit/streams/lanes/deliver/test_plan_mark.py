"""What a deliver lane writes beside its offset."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.lanes.deliver.plan import Plan
from streams.lanes.marks import DeliverMark, deliver_mark
from streams.lanes.settings import MOST_RECORDS


@settings(max_examples=60)
@given(
    size=st.integers(1, MOST_RECORDS),
    refused=st.sets(st.integers(0, 2 * MOST_RECORDS - 1), max_size=300),
    left=st.sets(st.integers(0, MOST_RECORDS - 1), max_size=300),
    waiting=st.integers(0, 20_000),
    settled=st.integers(0, MOST_RECORDS),
    last=st.sampled_from(["", "20240425000000000"]),
    row=st.integers(0, 5000),
)
def test_what_is_written_beside_an_offset_comes_back_the_same_and_fits(*, size, refused, left, waiting, settled, last, row):
    """The broker takes 4,096 bytes of metadata; a plan that lost a refusal would post a refused id again."""
    bits, places = (sum(1 << place for place in found) for found in (refused, left))
    given = {"size": size, "refused": bits, "left": places, "settled": settled}
    plan = Plan(last_offset=2**62, id="20240425000000000", opened_at=2**40, cut="0123abcd", **given)
    mark = DeliverMark(seq=2**62, last_plan=last, refused_in_a_row=row, plan=plan, orphans=(waiting, waiting))
    assert mark == deliver_mark(mark.text())
    assert len(mark.text()) < 4096

"""Laws of the join, over generated histories: nothing twice, no order of arrival that matters, nothing but inputs."""

import copy

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.deadletter.record import letter_id
from streams.domain.join.fold import Joiner
from streams.spec.fields import ServiceCode
from tests.unit.streams.domain.join.join_rig import CHARGE, SETTLE, VISIT, Join, envelope, mappings

VISITS = st.fixed_dictionaries({"ward": st.sampled_from(["内科", "外科"]), "med_type": st.sampled_from(["11", "12"])})
SETTLES = st.fixed_dictionaries({"paid_by": st.sampled_from(["cash", "card"]), "total": st.sampled_from(["20.00", "30.00"])})
CHARGES = st.fixed_dictionaries(
    {"item": st.sampled_from(["青霉素", "头孢"]), "settle_no": st.sampled_from(["S1", "S2"]), "level": st.sampled_from("AB")}
)
VISITS_WRONG = st.just({"ward": None})
SETTLES_WRONG = st.just({"total": "20.0001"})
FLAWED = CHARGES | st.fixed_dictionaries({"level": st.just("?"), "settle_no": st.sampled_from([None, "S1"])})
ROWS = {
    "V": ("h.visit", VISIT, VISITS, VISITS | VISITS_WRONG),
    "S1": ("h.settle", SETTLE, SETTLES, SETTLES | SETTLES_WRONG),
    "S2": ("h.settle", SETTLE | {"settle_no": "S2"}, SETTLES, SETTLES | SETTLES_WRONG),
    "C1": ("h.charge", CHARGE, CHARGES, FLAWED),
    "C2": ("h.charge", CHARGE | {"charge_id": "C2"}, CHARGES, FLAWED),
    "R": ("h.charge", CHARGE | {"charge_id": "R", "quantity": "-2.0000", "amount": "-20.00"}, CHARGES, FLAWED),
}
ALL = {"mdtrt_d V1", "setl_d S1", "setl_d S2", "fee_list_d C1", "fee_list_d C2", "fee_list_d R"}


@st.composite
def history(draw, name):
    """The changes of one row: anything in between, right and there at the end."""
    table, sample, right, any_ = ROWS[name]
    steps = [*draw(st.lists(any_ | st.none(), max_size=3)), draw(right)]
    number = list(ROWS).index(name)
    changes, exists = [], False
    for step, columns in enumerate(steps):
        at = 100 * (step + 1) + number
        if columns is not None:
            changes.append(envelope(table, "u" if exists else "c", sample | columns, at=at))
        elif exists:
            changes.append(envelope(table, "d", sample, at=at))
        exists = columns is not None
    return changes


@st.composite
def interleaved(draw, histories):
    """The changes in some order that keeps each row's own."""
    turns = draw(st.permutations([name for name, changes in histories.items() for _ in changes]))
    left = {name: iter(changes) for name, changes in histories.items()}
    return [next(left[name]) for name in turns]


@st.composite
def arrivals(draw, orders):
    histories = {name: draw(history(name)) for name in ROWS}
    return [draw(interleaved(histories)) for _ in range(orders)]


def folded(changes):
    join = Join()
    for change in changes:
        join.send(change)
    return join


@settings(max_examples=40, deadline=None)
@given(arrivals(2))
def test_the_last_content_of_each_record_does_not_depend_on_the_order_of_arrival(orders):
    """Tables are captured side by side; what the platform has in the end must be what the database shows."""
    first, second = (folded(order) for order in orders)
    assert set(first.reported()) == ALL
    assert first.last() == second.last()
    assert (first.waiting(), second.waiting()) == ([], [])


@settings(max_examples=40, deadline=None)
@given(arrivals(1), st.data())
def test_folding_a_suffix_again_gives_nothing_new(orders, data):
    """Capture sends up to a minute of changes again after a crash, starting anywhere."""
    (changes,) = orders
    end = data.draw(st.integers(0, len(changes)))
    join = folded(changes[:end])
    seen, entries = {letter_id(letter) for letter in join.dead}, copy.deepcopy(join.entries)
    reported = len(join.ready)
    for change in changes[data.draw(st.integers(0, end)) : end]:
        join.send(change)
    assert len(join.ready) == reported
    assert {letter_id(letter) for letter in join.dead} == seen
    assert join.entries == entries


@settings(max_examples=40, deadline=None)
@given(arrivals(1), st.data())
def test_a_crash_in_between_changes_nothing_that_is_reported(orders, data):
    """Sent again from somewhere and then on to the end: the same records in the same order."""
    (changes,) = orders
    end = data.draw(st.integers(0, len(changes)))
    begin = data.draw(st.integers(0, end))
    assert folded(changes[:end] + changes[begin:]).ready == folded(changes).ready


@settings(max_examples=40, deadline=None)
@given(arrivals(1))
def test_the_fold_is_a_function_of_its_inputs(orders):
    """After a crash the same input is folded again, by another process; it must write the same."""
    (changes,) = orders
    join = folded(changes[:-1])
    incoming, before = join.incoming(changes[-1]), copy.deepcopy(join.entries)
    joiner = Joiner(mappings(), join.limits, zone=mappings()["his"].dialect.zone)
    first = joiner.fold(incoming, join, join)
    assert join.entries == before
    assert first == joiner.fold(incoming, join, join)


@settings(max_examples=40, deadline=None)
@given(arrivals(1))
def test_no_record_is_reported_before_what_it_belongs_to(orders):
    """The platform refuses a fee line whose visit or settlement it does not know (R24), also while that is refused, and a refund of
    what was never charged (R9).
    """
    (changes,) = orders
    seen = set()
    for record in (emission.record for emission in folded(changes).ready):
        name, values = f"{record.service.value} {record.key}", orjson.loads(record.value)
        assert record.service is ServiceCode.VISIT or f"mdtrt_d {values['MDTRT_ID']}" in seen
        assert record.service is not ServiceCode.FEE or f"setl_d {values['SETL_ID']}" in seen
        assert name != "fee_list_d R" or seen & {"fee_list_d C1", "fee_list_d C2"}
        seen.add(name)

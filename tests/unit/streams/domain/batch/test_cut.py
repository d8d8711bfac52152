"""Cutting a plan into batches: what the ids of everything that is sent rest on."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.request import array
from streams.domain.batch.cut import CUT_VERSION, CUT_VERSIONS, Batch, CutLimits, cut, first_portion, fits, halves, split_oversize
from streams.seal import Encoding, SealedText, sealed_chars
from streams.spec.fields import ServiceCode
from tests.unit.streams.ready_records import ready_record

INSTITUTIONS = ("H36110200001", "P36110200002")


def ready(number, *, key="v1", itself=None, service=ServiceCode.FEE, institution=INSTITUTIONS[0], infno="4205", size=20):
    return ready_record(
        number,
        key=key.encode(),
        value=b"x" * size,
        offset=10 * number,
        partition=3,
        service=service,
        institution=institution,
        infno=infno,
        record_key=itself or f"k{number}",
    )


LIMITS = CutLimits(max_chars=2 * (97 + 300), max_rows=6, sealed_chars=lambda n: sealed_chars(n, Encoding()))

GOLDEN_CUT = [
    (0, [0, 5, 10]),
    (6, [1, 6, 11]),
    (12, [2, 3, 7]),
    (18, [8]),
    (20, [12]),
    (22, [13]),
    (24, [4, 9]),
    (28, [14]),
]

plans = st.lists(
    st.builds(
        dict,
        key=st.sampled_from(["v1", "v2", "v3", "v4"]),
        service=st.sampled_from(list(ServiceCode)),
        institution=st.sampled_from(INSTITUTIONS),
        infno=st.sampled_from(["4205", "2301"]),
        size=st.integers(1, 298),
        itself=st.sampled_from([None, None, "k0"]),
    ),
    max_size=60,
).map(lambda facts: [ready(number, **fact) for number, fact in enumerate(facts, start=1)])


def kind(batch):
    return batch.service, batch.institution, batch.infno


@given(plans)
def test_no_batch_exceeds_what_an_envelope_carries(plan):
    """One character more and the platform refuses the whole batch, with all its innocent records."""
    for batch in cut(plan, LIMITS):
        assert len(batch.records) <= LIMITS.max_rows
        assert LIMITS.sealed_chars(len(array(record.value for record in batch.records))) <= LIMITS.max_chars


def overflows(batch, record):
    """Whether the batch has no room for the record."""
    values = [*(one.value for one in batch.records), record.value]
    return len(values) > LIMITS.max_rows or LIMITS.sealed_chars(len(array(values))) > LIMITS.max_chars


def stands_before(one, record):
    """Whether `record` must not be sent before `one`."""
    return one.number < record.number and (is_version_of(one, record) or one.key == record.key)


def is_version_of(one, record):
    """Whether they are the same record, which stands once in a batch."""
    return one.service is record.service and one.record_key == record.record_key


@given(plans)
def test_a_batch_is_as_full_as_size_and_order_allow(plan):
    """Encrypting one record costs nearly as much as thirty: a batch ends only where one whose turn it is has no room in it."""
    batches = cut(plan, LIMITS)
    place = {record.number: index for index, batch in enumerate(batches) for record in batch.records}
    for index, batch in enumerate(batches):
        later = [record for later in batches[index + 1 :] for record in later.records if kind(later) == kind(batch)]
        left_out = [
            one
            for one in later
            if all(place[other.number] + is_version_of(other, one) <= index for other in plan if stands_before(other, one))
        ]
        assert not left_out or any(overflows(batch, record) for record in left_out)


@given(plans)
def test_every_record_is_in_exactly_one_batch_of_its_kind(plan):
    """A record that is cut away is a record that is never reported."""
    batches = cut(plan, LIMITS)
    assert sorted(record.number for batch in batches for record in batch.records) == [record.number for record in plan]
    for batch in batches:
        assert {kind(batch)} == {(record.service, record.institution, record.infno) for record in batch.records}


@given(plans)
def test_a_visits_records_keep_their_order_over_all_batches(plan):
    """The platform refuses a settlement that comes before its visit (R24), and a newer version must not be overtaken."""
    sent = defaultdict(list)
    for batch in cut(plan, LIMITS):
        for record in batch.records:
            sent[record.key].append(record.number)
    assert all(numbers == sorted(numbers) for numbers in sent.values())


@given(plans)
def test_versions_of_one_record_keep_their_order_over_all_visits(plan):
    """A record that moved to another visit key must not be overtaken by its older version."""
    sent = defaultdict(list)
    for batch in cut(plan, LIMITS):
        for record in batch.records:
            sent[record.service, record.record_key].append(record.number)
    assert all(numbers == sorted(numbers) for numbers in sent.values())


@given(plans)
def test_a_batch_holds_one_version_of_a_record(plan):
    """A platform that refuses an array with a record twice refuses all of its records, until halves have found the two."""
    for batch in cut(plan, LIMITS):
        assert len({(record.service, record.record_key) for record in batch.records}) == len(batch.records)


@given(plans)
def test_the_same_records_are_cut_the_same_way(plan):
    """After a crash the next owner cuts again; another cut would put other records under an id that the platform has seen."""
    assert cut(plan, LIMITS) == cut(tuple(plan), LIMITS)


@given(plans)
def test_the_number_of_a_batch_is_twice_the_place_of_its_first_record(plan):
    """The numbers are what msgids are made of; they must follow from the cut alone."""
    firsts, expected = [], 0
    for batch in cut(plan, LIMITS):
        firsts.append((batch.first, batch.node))
        assert (expected, 2 * expected) == firsts[-1]
        expected += len(batch.records)


def test_interleaved_visits_share_their_batches():
    """A first load comes visit by visit; closing a batch at every change of service would send visits one at a time."""
    plan = []
    for visit in range(5):
        for service in ServiceCode:
            plan.append(ready(len(plan) + 1, key=f"v{visit}", service=service))
    assert [(batch.service, len(batch.records)) for batch in cut(plan, LIMITS)] == [
        (ServiceCode.VISIT, 5),
        (ServiceCode.SETTLEMENT, 5),
        (ServiceCode.FEE, 5),
    ]


def test_what_others_wait_for_goes_first():
    """Visits settle in parts; when each part began new batches for all that follow, they held a quarter of what they could."""
    _, settlement, fee = ServiceCode
    plan = [ready(1, key="v1", service=settlement), ready(2, key="v1", service=fee), ready(3, key="v1", service=settlement)]
    plan += [ready(4, key="v2", service=settlement), ready(5, key="v2", service=fee), ready(6, key="v1", service=fee)]
    assert [[1, 4], [2, 5], [3], [6]] == [[record.number for record in batch.records] for batch in cut(plan, LIMITS)]


def test_a_kind_waits_for_company_while_another_fills_its_batches():
    """Posted when its turn came first, the settlement of `v1` would have left that of `v2` a batch of its own."""
    visit, settlement, _ = ServiceCode
    plan = [ready(1, key="v1", service=settlement)]
    plan += [ready(number, key=f"w{number}", service=visit) for number in range(2, 2 + LIMITS.max_rows)]
    plan += [ready(8, key="v2", service=visit), ready(9, key="v2", service=settlement)]
    assert [settlement] == [batch.service for batch in cut(plan, LIMITS) if batch.service is settlement]


def test_a_batch_has_no_more_rows_than_the_platform_takes():
    """R11: the guide's 100 rows a call hold also where more would fit."""
    assert [len(batch.records) for batch in cut([ready(number, size=1) for number in range(14)], LIMITS)] == [6, 6, 2]


def test_a_batch_ends_exactly_at_the_limit():
    """The limit counts encrypted characters; one byte of slack is lost rows, one byte too many a refused batch."""
    exact = [ready(1, size=149), ready(2, size=148)]  # 2 + 149 + 148 + 1 = 300
    assert [len(batch.records) for batch in cut(exact, LIMITS)] == [2]
    assert [len(batch.records) for batch in cut([ready(1, size=149), ready(2, size=149)], LIMITS)] == [1, 1]


@pytest.mark.parametrize(("encoding", "most"), [(SealedText.HEX, 24_903), (SealedText.BASE64, 37_403)], ids=str)
def test_a_record_as_large_as_the_envelope_fits_and_one_byte_more_does_not(encoding, most):
    """Interface §3.2.1: 50,000 characters after encryption."""
    limits = CutLimits(max_chars=50_000, max_rows=100, sealed_chars=lambda n: sealed_chars(n, Encoding(text=encoding)))
    largest, larger = ready(1, size=most - 2), ready(2, size=most - 1)
    assert (fits(largest, limits), fits(larger, limits)) == (True, False)
    assert ((largest,), (larger,)) == split_oversize([largest, larger], limits)
    with pytest.raises(ValueError, match="number 2 is larger than one envelope"):
        cut([largest, larger], limits)


def test_other_limits_have_another_mark():
    """A plan that was opened under other limits must be recognised, or one id would stand for two sets of records."""
    marks = [
        CutLimits(max_chars=chars, max_rows=rows, sealed_chars=lambda n, e=encoding: sealed_chars(n, e)).mark
        for chars in (50_000, 40_000)
        for rows in (100, 99)
        for encoding in (Encoding(), Encoding(prefix=False), Encoding(text=SealedText.BASE64))
    ]
    assert len(marks) == len(set(marks))
    assert LIMITS.mark == CutLimits(max_chars=LIMITS.max_chars, max_rows=6, sealed_chars=lambda n: sealed_chars(n, Encoding())).mark


def nodes_below(node, batch: Batch):
    """All numbers that bisecting `batch` down to single records can use."""
    found = [(node, batch)]
    if len(batch.records) > 1:
        for half in halves(node, batch):
            found += nodes_below(*half)
    return found


@given(plans)
def test_bisecting_never_uses_a_number_twice_and_stays_below_twice_the_plan(plan):
    """One bit per number holds all refusals, and two sets of records never share a msgid."""
    nodes = [node for batch in cut(plan, LIMITS) for node, _ in nodes_below(batch.node, batch)]
    assert len(nodes) == len(set(nodes))
    assert all(0 <= node < 2 * len(plan) for node in nodes)


@given(plans)
def test_halves_hold_the_whole_batch_in_order(plan):
    """A refused batch must lose no record and no order on the way to its culprit."""
    for batch in cut(plan, LIMITS):
        for node, part in nodes_below(batch.node, batch):
            if len(part.records) > 1:
                (_, first), (_, second) = halves(node, part)
                assert part.records == first.records + second.records
                assert (part.first, part.first + len(first.records)) == (first.first, second.first)
                assert kind(first) == kind(second) == kind(part)


def test_the_numbers_of_a_version_never_change():
    """An update of the worker finds open plans; with other numbers it would post known records under unknown ids."""
    kinds = (ServiceCode.VISIT, ServiceCode.SETTLEMENT, ServiceCode.FEE, ServiceCode.FEE, ServiceCode.VISIT)
    records = [ready(number, key=f"v{number // 5}", service=kinds[number % 5], size=15 * number) for number in range(15)]
    cut_now = [(batch.node, [record.number for record in batch.records]) for batch in cut(records, LIMITS)]
    assert (CUT_VERSION, LIMITS.mark) == (4, "27346bc9")
    assert cut_now == GOLDEN_CUT
    [batch] = cut([ready(number) for number in range(5)], LIMITS)
    assert [(node, len(part.records)) for node, part in nodes_below(10, batch)] == [
        (10, 5),
        (11, 3),
        (12, 2),
        (13, 1),
        (14, 1),
        (15, 1),
        (16, 2),
        (17, 1),
        (18, 1),
    ]


def test_a_plan_is_cut_in_the_version_that_it_was_opened_with():
    """What of it was posted may have been taken: cut in another way, the same records would go out again under other ids."""
    records = [ready(number, itself=f"k{number % 2}") for number in range(6)]
    found = {
        version: [(batch.node, [record.number for record in batch.records]) for batch in cut(records, LIMITS, version=version)]
        for version in CUT_VERSIONS
    }
    assert {3: [(0, [0, 1, 2, 3, 4, 5])], 4: [(0, [0, 1]), (4, [2, 3]), (8, [4, 5])]} == found
    assert ["27346bc9", "582057b4"] == [LIMITS.mark_of(version) for version in CUT_VERSIONS]


def test_a_single_record_has_no_halves():
    """Bisecting stops at the record that is to blame."""
    [batch] = cut([ready(1)], LIMITS)
    with pytest.raises(ValueError, match="one record"):
        halves(0, batch)


def test_an_empty_plan_has_no_batches():
    """Nothing to send is not an empty request."""
    assert cut([], LIMITS) == []


@given(plans, st.integers(1, 40))
def test_parts_are_never_smaller_than_asked_for_while_the_plan_is_not(plan, least):
    """Each part is a transaction; a small last one would be one more for nothing."""
    left = cut(plan, LIMITS)
    sizes = []
    while left:
        part = first_portion(left, least)
        sizes.append(sum(len(batch.records) for batch in part))
        left = left[len(part) :]
    assert sum(sizes) == len(plan)
    assert all(size >= min(least, len(plan)) for size in sizes)

"""Which visit a record was in last, while its row is on its way by transactions of its own."""

import random

import orjson
import pytest

from streams.domain.changes import Incoming, decode
from streams.domain.place.ended import DOUBT, Ended
from streams.domain.place.ended_entries import KEPT, Claim
from streams.domain.place.entries import ENDED_FORM
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.place.record_names import record_names
from streams.domain.trail import UNKNOWN
from streams.errors import Newer
from streams.lanes.place.state import MemoryStore
from streams.mapping import compile_site, load_site
from streams.mapping.linking import direct_visit_keys
from tests.unit.streams.domain.join.join_rig import CHARGE, ITEM, SITE, envelope

HOUR_MS = 3_600_000
ROW, OTHER = ("h.charge", b"1"), ("h.charge", b"2")


def placer():
    site = load_site(SITE)
    return Placer(direct_visit_keys(site), partitions=1, names=record_names(compile_site(site)))


def placed(*changes, going=NOTHING):
    """What the last of some changes leads to, each a transaction of its own: table, op, row, and the row before it."""
    stage, folded = placer(), None
    for number, (table, op, row, *before) in enumerate(changes):
        key = orjson.dumps({"row_id" if "row_id" in row else "charge_id" if "charge_id" in row else "item_id": 0})
        value = envelope(table, op, row, at=number, before=before[0] if before else None, txId=number)
        folded = stage.fold(Incoming("rows", 0, number, key, value, (), number), source="his", going=going)
        going = folded.going
    return folded.placed


def test_a_row_that_is_inserted_in_another_visit_by_a_later_transaction_is_known_as_one_that_moves():
    """The visit that it left must not call it withdrawn, and what waits of it there must not go."""
    left, arrived = placed(("h.charge", "d", CHARGE), ("h.charge", "c", CHARGE | {"visit_id": "V2"}))
    assert (b"V1", True, b"V2", (UNKNOWN,)) == (left.key, decode(left.value).left, arrived.key, arrived.headers)


def test_a_record_that_another_tables_row_brings_to_another_visit_is_known_as_one_that_moves():
    """At the platform it is one record, whichever row it was made from."""
    left, arrived = placed(("m.item", "d", ITEM), ("m.named_item", "c", ITEM | {"bill_no": "B1", "visit_id": "V2"}))
    assert ("m.item", b"V2", (UNKNOWN,)) == (decode(left.value).table, arrived.key, arrived.headers)


def test_a_row_that_gave_its_number_away_is_not_taken_from_its_visit():
    """It is there, as another record."""
    row = ITEM | {"row_id": "1"}
    named = row | {"item_id": "I7"}
    other = ITEM | {"bill_no": "B1", "visit_id": "V2"}
    (arrived,) = placed(("m.numbered_item", "u", named, row), ("m.named_item", "c", other))
    assert (b"V2", (UNKNOWN,)) == (arrived.key, arrived.headers)
    # Also where it was deleted, and inserted again with another number.
    (arrived,) = placed(("m.numbered_item", "d", row), ("m.numbered_item", "c", named), ("m.named_item", "c", other))
    assert (b"V2", (UNKNOWN,)) == (arrived.key, arrived.headers)


def test_what_comes_back_to_its_own_visit_is_no_move():
    """A nightly delete and insert of unchanged rows must send nothing."""
    (came,) = placed(("h.charge", "d", CHARGE), ("h.charge", "c", CHARGE))
    assert () == came.headers


def test_a_key_that_is_exchanged_across_visits_twice_is_that_of_its_last_row():
    """What the first statement told of the row that had the key before must not hide whose it is at the second one: its delete
    would be told as that of a record which lives.
    """
    stage, going, left = placer(), NOTHING, []
    exchanges = ((("I1", "V1"), ("I2", "V2")), (("I0", "V3"), ("I2", "V1")))
    for tx, (one, other) in enumerate(exchanges, 1):
        told = (("d", *one, 1), ("c", other[0], one[1], 1), ("d", *other, 2), ("c", one[0], other[1], 2))
        for op, item, visit, place in told:
            value = envelope("m.item", op, ITEM | {"item_id": item, "visit_id": visit}, at=tx * 10 + place, txId=tx)
            folded = stage.fold(Incoming("rows", 0, tx, orjson.dumps({"item_id": item}), value, (), tx), source="his", going=going)
            going = folded.going
            changes = [decode(each.value) for each in folded.placed]
            left += [(tx, change.row["item_id"], visit) for change in changes if change.left and (op, item) == ("d", other[0])]
    assert [(1, "I2", "V2"), (2, "I2", "V1")] == left


def test_a_claim_is_forgotten_in_the_time_of_the_database():
    """The memory has an end, and the join knows where."""
    ended = Ended(HOUR_MS)
    ended.ends(ROW, "V1", row=ROW, at=0)
    ended.ends(OTHER, "V1", row=OTHER, at=HOUR_MS + 1)
    assert (None, Claim("V1", HOUR_MS + 1, OTHER)) == tuple(
        ended.begins(row, "V2", row=row, at=HOUR_MS + 2) for row in (ROW, OTHER)
    )


@pytest.mark.parametrize("lost", [True, False])
def test_what_was_forgotten_too_early_leaves_a_doubt_for_as_long(lost):
    """Where a version kept nothing, or it was too much, nobody knows who had a record meanwhile."""
    ended = Ended(HOUR_MS, lost=lost, most=1)
    if not lost:
        ended.ends(ROW, "V1", row=ROW, at=0)
        ended.ends(OTHER, "V1", row=OTHER, at=0)
    doubts = [ended.begins(ROW, "V2", row=ROW, at=at) for at in (0, HOUR_MS, HOUR_MS + 1)]
    assert [DOUBT, DOUBT, None] == doubts
    assert lost is not bool(ended)


@pytest.mark.parametrize("most", [3, 100])
@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("seed", range(40))
def test_the_next_worker_knows_what_the_last_one_knew(seed, begun, most):
    """A row that is deleted, and inserted again after the worker died, must not be sent as if it had been elsewhere."""
    rng, state = random.Random(seed), MemoryStore()
    one, at = Ended(100, lost=begun, most=most), 0
    for _ in range(200):
        changed = one.take_changes()
        state.write(changed, {}, position=0)
        other = Ended.kept(state, 100, begun=True, most=most)
        at += rng.choice((0, 1, 5, 60))
        number, visit = rng.randrange(6), f"V{rng.randrange(3)}"
        name = rng.choice((("h.charge", b"\xff%d" % number), ("fee_list_d", "H1", f"{number}")))
        row = ("h.charge", b"%d" % rng.randrange(6))
        if rng.random() < 0.5:
            kept = rng.choice((row, None))
            assert one.ends(name, visit, row=kept, at=at) == other.ends(name, visit, row=kept, at=at)
        else:
            assert one.begins(name, visit, row=row, at=at) == other.begins(name, visit, row=row, at=at)
        one = rng.choice((one, other))


def test_a_worker_that_finds_no_claims_kept_is_in_doubt():
    """An earlier version may have forgotten some. A source of which nothing was placed has none."""
    assert [True, False] == [bool(Ended.kept(MemoryStore(), 100, begun=begun)) for begun in (True, False)]


def test_claims_of_a_later_version_are_refused():
    """Written back without what was added to them, they would have lost it."""
    state = MemoryStore()
    state.write({KEPT: b"e[%d,0,1]" % (ENDED_FORM + 1)}, {}, position=0)
    with pytest.raises(Newer):
        Ended.kept(state, 100, begun=True)

"""Where rows go: to the partition of their visit, all of them, each once."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.changes import Incoming, RowChange, decode
from streams.domain.keys import VisitKey
from streams.domain.place.fold import UNPLACED, Placed, Placer
from streams.domain.place.going import NOTHING
from streams.domain.place.partitions import partition_of
from streams.domain.release import Release, release_value
from streams.domain.replay import Replay, replay_value
from streams.domain.ticks import Tick, tick_value
from streams.domain.trail import UNKNOWN, leaving

PARTITIONS = 5
KEYS = {
    ("his", "his.fee"): VisitKey(("visit",)),
    ("his", "his.numbered"): VisitKey(("no",)),
    ("his", "his.several"): VisitKey(("org", "no"), prefix="I"),
    ("his", "archive.fee"): VisitKey(("visit",)),
}
PLACER = Placer(KEYS, partitions=PARTITIONS)


def envelope(op, before, after, *, table="fee", source="his", **of_source):
    place = {"connector": "postgresql", "name": source, "schema": "his", "table": table, "ts_ms": 1, "lsn": 7, **of_source}
    return orjson.dumps({"op": op, "before": before, "after": after, "source": place, "ts_ms": 2})


def placed(value, key=b'{"id":"1"}'):
    return PLACER.fold(Incoming("rows.his", 0, 0, key, value, (), 1))


def row(visit, **more):
    return {"id": "1", "visit": visit, **more}


@pytest.mark.parametrize(
    ("op", "before", "after"),
    [
        ("c", None, row("V1")),
        ("r", None, row("V1")),
        ("u", row("V1", a="1"), row("V1", a="2")),
        ("u", None, row("V1")),
        ("d", row("V1"), None),
    ],
)
def test_a_row_goes_to_its_visits_partition_as_it_was_captured(op, before, after):
    """Every later stage relies on the bytes: a number that was written anew could lose its last digits."""
    value = envelope(op, before, after)
    folded = placed(value)
    assert "direct" == folded.outcome
    assert [Placed(partition_of("V1", PARTITIONS), b"V1", value)] == list(folded.placed)


def test_an_order_to_replay_goes_to_the_lane_in_which_its_record_was_refused():
    """In the order of the source's rows: what was done to the row before it is joined before it, too."""
    value = replay_value(Replay("his", "his.fee", {"id": "1"}, "V1", "night", "5f" * 16, 0, 5), at=9)
    folded = placed(value)
    assert ("replay", NOTHING) == (folded.outcome, folded.going)
    assert [Placed(partition_of("V1", PARTITIONS), b"V1", value)] == list(folded.placed)


def test_an_order_to_release_goes_to_the_lane_in_which_its_row_waits():
    """Nothing else of the rows is touched, and what it says arrives as it was written."""
    value = release_value(Release("his", "his.fee", {"id": "1"}, "V1", "dawn", "visit", 5), at=9)
    folded = placed(value)
    assert ("release", NOTHING) == (folded.outcome, folded.going)
    assert [Placed(partition_of("V1", PARTITIONS), b"V1", value)] == list(folded.placed)


def test_a_row_that_changes_its_visit_leaves_the_one_and_comes_to_the_other():
    """Left in its old visit, a line would be reported twice."""
    value = envelope("u", row("V1", amount="1.50"), row("V2", amount="2.50"))
    left, arrived = placed(value).placed
    gone = decode(left.value)
    assert isinstance(gone, RowChange)
    assert (partition_of("V1", PARTITIONS), b"V1", "d", "1.50") == (left.partition, left.key, gone.op.value, gone.row["amount"])
    assert gone.left
    assert (partition_of("V2", PARTITIONS), b"V2", value) == (arrived.partition, arrived.key, arrived.value)
    assert Incoming("visit.changes", 0, 0, b"V2", value, arrived.headers, 1).arrived


def test_where_there_is_one_partition_a_row_that_moves_has_no_trail():
    """Its one lane sends everything in order."""
    value = envelope("u", row("V1"), row("V2"))
    alone = Placer({("his", "his.fee"): VisitKey(("visit",))}, partitions=1)
    _, arrived = alone.fold(Incoming("rows.his", 0, 0, None, value, (), 1)).placed
    assert (UNKNOWN, leaving(partition_of("V1", PARTITIONS))) == (arrived.headers[-1], placed(value).placed[1].headers[-1])


@pytest.mark.parametrize(("schema", "key"), [("archive", b'{"id":"1"}'), ("his", None)])
def test_rows_of_two_schemas_or_without_a_key_are_not_taken_for_one_that_moves(schema, key):
    """A delete and a create in one transaction are a move only of the same row; another row's delete must stay a delete."""
    going = NOTHING
    for value in (envelope("d", row("V1"), None, txId=5), envelope("c", None, row("V2"), schema=schema, txId=5)):
        folded = PLACER.fold(Incoming("rows.his", 0, 0, key, value, (), 1), going=going)
        going = folded.going
        assert ("direct", 1, ()) == (folded.outcome, len(folded.placed), folded.placed[0].headers)


def test_a_row_that_gets_or_loses_its_visit_is_told_where_it_was_and_where_it_is():
    """A row without a visit is a letter, which the join writes; the visit that it had must not keep it."""
    (arrived,) = placed(envelope("u", row(None), row("V2"))).placed
    assert (b"V2", partition_of("V2", PARTITIONS)) == (arrived.key, arrived.partition)
    left, lost = placed(envelope("u", row("V1"), row(" "))).placed
    assert (b"V1", None, UNPLACED) == (left.key, lost.key, lost.partition)
    # Nobody else reports it: for its visit it is a delete.
    assert not decode(left.value).left


def test_a_key_that_is_a_number_is_the_text_that_the_join_reads():
    """The same visit under two spellings would have two partitions."""
    (one,) = placed(envelope("c", None, {"id": 1, "no": 1234567890123456789}, table="numbered")).placed
    assert b"1234567890123456789" == one.key


def test_a_key_of_several_columns_is_one_text_behind_its_prefix():
    """Numbers or texts, in- and outpatients: the same visit has one spelling, and two visits never share one."""
    (one,) = placed(envelope("c", None, {"id": 1, "org": 12, "no": 345}, table="several")).placed
    assert b"I12/345" == one.key
    (padded,) = placed(envelope("c", None, {"id": 1, "org": "12", "no": "345       "}, table="several")).placed
    assert one.key == padded.key
    (other,) = placed(envelope("c", None, {"id": 1, "org": "1", "no": "2/3"}, table="several")).placed
    (third,) = placed(envelope("c", None, {"id": 1, "org": "1/2", "no": "3"}, table="several")).placed
    assert b"I1/2\\/3" == other.key
    assert other.key != third.key


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"no json",
        envelope("c", None, {"id": "1", "org": "1", "no": None}, table="several"),
        envelope("c", None, {"id": "1", "org": " ", "no": "3"}, table="several"),
        b"[]",
        b"{}",
        b'{"op":"c","source":7}',
        envelope("c", None, row("V1"), table="unknown"),
        envelope("c", None, row("V1"), source="other"),
        envelope("t", None, None, table="unknown"),
        envelope("c", None, row("")),
        envelope("c", None, row("V\x1f1")),
        envelope("c", None, None),
        envelope("d", None, None),
    ],
)
def test_what_belongs_to_no_visit_goes_on_as_it_is(value):
    """The join knows the letter for each; nothing is dropped on the way to it."""
    folded = placed(value)
    assert [(UNPLACED, value)] == [(one.partition, one.value) for one in folded.placed]
    assert "unplaced" == folded.outcome


def test_a_tick_goes_to_the_partitions_that_asked():
    """The others have nothing that waits, and would commit for nothing all night."""
    folded = placed(tick_value(77, [4, 2]))
    assert [(4, Tick(at=77)), (2, Tick(at=77))] == [(one.partition, decode(one.value)) for one in folded.placed]


def test_a_tick_says_which_transaction_may_go_on():
    """What was deleted in it may be inserted again in its next row: nothing of it may be called withdrawn before it ended."""
    placer = Placer({("his", "his.fee"): VisitKey(("visit",))}, partitions=1, quiet_ms=1_000)

    def ticked(at, going):
        folded = placer.fold(Incoming("rows.his", 0, 0, None, tick_value(at), (), 1), source="his", going=going)
        assert going == folded.going
        return decode(folded.placed[0].value)

    captured = Incoming("rows.his", 0, 0, b"{}", envelope("d", row("V1"), None, txId=512), (), 5_000)
    going = placer.fold(captured, source="his").going
    assert Tick(at=5_999, source="his", open="512") == ticked(5_999, going)
    assert Tick(at=6_000, source="his") == ticked(6_000, going)
    assert Tick(at=5_999, source="his") == ticked(5_999, NOTHING)


@pytest.mark.parametrize(("place", "formerly"), [(7, b'{"id":"1"}'), (8, None)])
def test_a_key_that_is_changed_says_what_it_was(place, formerly):
    """It is a delete and a create at one place in the log. A person must hear of both as one thing."""
    gone = PLACER.fold(Incoming("rows.his", 0, 0, b'{"id":"1"}', envelope("d", row("V1"), None, txId=5), (), 1), source="his")
    created = envelope("c", None, row("V1") | {"id": "2"}, txId=5, lsn=place)
    (came,) = PLACER.fold(Incoming("rows.his", 0, 1, b'{"id":"2"}', created, (), 1), source="his", going=gone.going).placed
    assert formerly == Incoming("visit.changes", 0, 0, came.key, came.value, came.headers, 1).formerly


def test_rows_of_two_visits_that_exchange_their_keys_move_to_each_other():
    """In one statement, told as a delete and a create of each. Taken for a row that goes, the one that got its key first would be
    told as deleted, by a letter that nobody could close. What came before it was known whose key it has waits for the lane there.
    """
    going, found = NOTHING, []
    told = (("d", "1", "V1", 7), ("c", "2", "V1", 7), ("d", "2", "V2", 8), ("c", "1", "V2", 8))
    for number, (op, key, visit, place) in enumerate(told):
        one = row(visit) | {"id": key}
        value = envelope(op, one if op == "d" else None, None if op == "d" else one, txId=5, lsn=place)
        incoming = Incoming("rows.his", 0, number, b'{"id":"%s"}' % key.encode(), value, (), 1)
        folded = PLACER.fold(incoming, source="his", going=going)
        going = folded.going
        found += [(each.key, decode(each.value), each.headers) for each in folded.placed]
    said = [(visit, change.op.value, change.left, change.row["id"], [name for name, _ in more]) for visit, change, more in found]
    assert [
        (b"V1", "d", False, "1", []),
        (b"V1", "c", False, "2", ["formerly"]),
        (b"V2", "d", True, "2", []),
        (b"V1", "u", False, "2", ["arrived"]),
        (b"V1", "d", True, "1", []),
        (b"V2", "c", False, "1", ["arrived"]),
    ] == said


def test_a_table_that_is_emptied_is_told_to_every_partition():
    """Its rows stand in all of them."""
    value = envelope("t", None, None)
    assert [(one, value) for one in range(PARTITIONS)] == [(one.partition, one.value) for one in placed(value).placed]


def test_a_tick_for_a_partition_that_is_not_there_reaches_nobody():
    """Whoever wrote it, a place lane must not end for it."""
    assert () == placed(orjson.dumps({"yibao": "tick", "at": 1, "partitions": [PARTITIONS, -1, "x", True]})).placed


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_whatever_a_message_holds_it_goes_somewhere(content):
    """An error of the fold would stop the source for ever."""
    for value in (
        content,
        {"op": "u", "source": {"name": "his", "schema": "his", "table": "fee"}, "before": content, "after": content},
    ):
        try:
            written = orjson.dumps(value)
        except TypeError:
            continue
        assert placed(written).placed

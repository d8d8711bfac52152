"""Where a lane goes on whose offset or log was lost: exactly there where the topics say, and nowhere where they do not."""

import pytest

from streams.lanes.deliver.recovery import DeliverEvidence, deliver_recovery
from streams.lanes.join.recovery import JoinEvidence, join_recovery
from streams.lanes.marks import DeliverMark, JoinMark, PlaceMark, deliver_mark, join_mark, place_mark
from streams.lanes.place.recovery import PlaceEvidence, place_recovery
from streams.lanes.ports import Committed, TopicPartition
from streams.lanes.recovered import Action, Place

LOG, STATE = "log-id", "state-id"
AT = TopicPartition("its.input", 3)


def place(said=None, *, begin=0, end=100, found=LOG):
    return Place(at=AT, said=said, begin=begin, end=end, id=found)


def said(offset, mark):
    return Committed(offset=offset, metadata=mark if isinstance(mark, str) else mark.text())


JOINED = JoinMark(seq=8, born="b", state=3, taken={"his/b": 41}, log=LOG, kept=(STATE, 60))


def joined(changes, **found):
    return join_recovery(JoinEvidence(changes=changes, **{"state_id": STATE, "state_end": 70, "last_ready": 7, **found}))


@pytest.mark.parametrize("lost", [None, said(0, ""), said(0, "{}"), said(5, "by hand")])
def test_a_join_goes_on_behind_the_last_change_that_its_state_knows(lost):
    """What stands before it was folded; a row that a snapshot read would take its old content again."""
    found = joined(place(lost), reached=40, is_there=True, before={"his/b": 31, "old/b": 9}, behind={"his/b": 32})
    assert (Action.WRITE, 41) == (found.action, found.to.offset)
    mark = join_mark(found.to.metadata)
    assert (8, {"his/b": 32, "old/b": 10}, LOG, (STATE, 70)) == (mark.seq, mark.taken, mark.log, mark.kept)


def test_a_join_that_is_well_is_left_alone():
    """An offset that fits is worth more than one that is computed."""
    assert Action.KEEP == joined(place(said(41, JOINED)), reached=40, is_there=True).action


def test_a_log_that_was_made_anew_goes_on_with_the_first_number_that_was_not_taken():
    """Its offsets say nothing, though the same visit may stand at the same one; the numbers of the place stage do."""
    anew = place(said(90, JOINED), found="another-id", end=5)
    found = joined(anew, reached=89, is_there=True, new_at=2, new=("his/b", 41))
    assert (Action.WRITE, 2) == (found.action, found.to.offset)
    assert ("another-id", {"his/b": 41}) == (join_mark(found.to.metadata).log, join_mark(found.to.metadata).taken)
    cut = joined(place(said(90, JOINED), end=50), reached=89, new_at=None)
    assert (Action.WRITE, 50) == (cut.action, cut.to.offset), "all that is left was taken"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (joined(place(said(90, JOINED), end=5), reached=89, new_at=2, new=("his/b", 44)), "numbers 41 to 43 of his/b are lost"),
        (joined(place(None), reached=40), "what was joined is not known"),
        (joined(place(None), reached=None), "do not say which changes they come from"),
        (joined(place(said(90, JOINED)), state_id="another-id"), "visit.state was deleted and made anew"),
        (joined(place(said(90, JOINED)), state_end=59), "visit.state ends at 59"),
        (joined(place(None), state_end=0, reached=None), "visit.state ends at 0"),
        (joined(place(said(40, JOINED)), last_ready=5), "records 6 to 7 of visit.ready are lost"),
    ],
)
def test_a_join_is_not_told_to_go_on_where_that_is_a_guess(found, why):
    """Each of them would be a loss that nobody hears of, or everything reported a second time."""
    assert (Action.REFUSE, None) == (found.action, found.to)
    assert why in found.why


def test_a_new_join_begins_at_the_beginning():
    """Nothing was ever joined there."""
    found = joined(place(None), reached=None, state_end=0, last_ready=0)
    assert (0, 1) == (found.to.offset, join_mark(found.to.metadata).seq)


def delivered(ready, *, repeat_settled=False, **found):
    evidence = DeliverEvidence(ready=ready, **{"settled": {1, 2, 3}, "first": 1, "last": 5, "behind": 9, **found})
    return deliver_recovery(evidence, repeat_settled=repeat_settled)


def test_delivery_goes_on_with_the_first_record_without_an_outcome():
    """And names its plans behind those that the platform knows."""
    found = delivered(place(None), open=(4, 7), joined=6, last_plan="20240501120000b00")
    mark = deliver_mark(found.to.metadata)
    assert (7, 4, "20240501120000b00", LOG) == (found.to.offset, mark.seq, mark.last_plan, mark.log)
    assert "a second time" not in found.why


def test_delivery_does_not_double_what_is_settled_behind_its_place_until_a_person_says_so():
    """A long plan is settled batch by batch. Its ids are lost with the offset, so the platform would take the repeats as new."""
    found = {"settled": {1, 2, 3, 5, 8}, "last": 9, "open": (4, 7)}
    refused, told = delivered(place(None), **found), delivered(place(None), repeat_settled=True, **found)
    assert (Action.REFUSE, None) == (refused.action, refused.to)
    for one in ("number 4 at offset 7", "2 records behind it, up to number 8, are settled", "--repeat-settled"):
        assert one in refused.why
    assert (Action.WRITE, 7, 4) == (told.action, told.to.offset, deliver_mark(told.to.metadata).seq)
    assert "2 records behind it, up to number 8, are settled, and the platform gets them a second time" in told.why


def test_a_recall_is_settled_where_something_behind_it_is():
    """Nothing is written of one: it would be the first record without an outcome, and what was posted behind it be posted again."""

    def found(*settled, recalls=(2, 3)):
        evidence = DeliverEvidence(ready=place(None), settled=set(settled))
        for number in range(1, 6):
            evidence.take_record(number, 10 + number, is_recall=number in recalls)
        return evidence.open

    assert (5, 15) == found(1, 4)
    assert (2, 12) == found(1), "what waits must hear of it"
    assert (2, 12) == found(1, 5), "number 4 is a record, and open"
    assert (4, 14) == found(1, 2, 3, recalls=())
    assert None is found(1, 4, 5)


def test_a_recall_that_expired_is_no_lost_record():
    """What stood before the records of a plan that is settled as a whole is settled, too."""
    evidence = DeliverEvidence(ready=place(None), settled={1, 3, 4, 5}, joined=7)
    evidence.take_plan("20240501120000a00", 3)
    assert 0 == evidence.passed
    evidence.take_plan("20240501120001a00", 5)
    for number in (4, 5, 6):
        evidence.take_record(number, number, is_recall=False)
    assert (3, (Action.WRITE, 6)) == (evidence.passed, (deliver_recovery(evidence).action, deliver_recovery(evidence).to.offset))


def test_delivery_that_has_nothing_left_goes_on_behind_its_last_record():
    """Also where all records have expired: the join knows the next number."""
    done = delivered(place(None), settled={1, 2, 3, 4, 5}, open=None, joined=6)
    assert (9, 6) == (done.to.offset, deliver_mark(done.to.metadata).seq)
    expired = delivered(place(None, begin=50, end=50), settled=set(range(1, 21)), first=None, last=None, joined=21)
    assert (50, 21) == (expired.to.offset, deliver_mark(expired.to.metadata).seq)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (delivered(place(None), first=3, settled={1}, open=(3, 7)), "records 2 to 2 are gone"),
        (delivered(place(None), open=(4, 7), joined=9), "records 6 to 8 are gone"),
        (delivered(place(None), first=None, last=None, joined=None), "recover the join first"),
        (delivered(place(None), first=None, last=None, joined=5), "records 4 to 4 are gone"),
    ],
)
def test_delivery_is_not_told_to_go_on_past_records_without_an_outcome(found, why):
    """They would be lost without a word."""
    assert Action.REFUSE == found.action
    assert why in found.why


def test_delivery_that_is_well_is_left_alone():
    """Its open plan was perhaps posted: a new one would double it."""
    assert Action.KEEP == delivered(place(said(7, DeliverMark(seq=4, log=LOG))), open=(4, 7)).action


def test_delivery_goes_on_with_what_waits_for_a_refused_parent():
    """It is settled where it waits. A mark that knows of more than stands there would let somebody wait for ever, in silence."""
    found = delivered(place(None), settled={1, 2, 3, 4}, orphans=(1, 1), open=(5, 8))
    assert (8, 5, (1, 1)) == (found.to.offset, (mark := deliver_mark(found.to.metadata)).seq, mark.orphans)
    assert Action.KEEP == delivered(place(said(7, mark)), orphans=(1, 1), open=(4, 7)).action
    assert Action.WRITE == delivered(place(said(7, mark)), orphans=(1, 0), open=(4, 7)).action


def placed(rows, **found):
    evidence = {"partitions": 2, "reached": 6, "oldest_ms": 10, "newest_ms": 20, **found}
    return place_recovery(PlaceEvidence(rows=rows, **evidence), source="his", born="new")


def test_placing_goes_on_behind_the_last_row_that_stands_in_the_changes():
    """With its numbers where they are known; a hole in them must show."""
    mark = PlaceMark(out=(5, 9), born="b", log=LOG)
    lost, beyond = placed(place(None)), placed(place(said(200, mark)), last={("his/b", 0): 4, ("his/b", 1): 8})
    assert [7, 7] == [lost.to.offset, beyond.to.offset]
    assert [((1, 1), "new"), ((5, 9), "b")] == [
        (found.out, found.born) for found in (place_mark(one.to.metadata) for one in (lost, beyond))
    ]


def test_placing_goes_on_behind_the_last_header_that_is_remembered():
    """Most rows of a site may hang under bills: without this, it could not be recovered at all."""
    found = placed(place(None), reached=6, kept=8, remembered=9, until_ms=20)
    assert (9, "the row at 8 is the last one that stands in place.state") == (found.to.offset, found.why.partition(";")[0])
    assert 7 == placed(place(None), reached=6, kept=3, remembered=9, until_ms=20).to.offset


def test_placing_begins_a_topic_that_was_made_anew():
    """Its rows are all newer than what was placed."""
    assert 0 == placed(place(None), reached=None, oldest_ms=20).to.offset
    assert 100 == placed(place(None), reached=None, oldest_ms=None).to.offset
    assert 0 == placed(place(None), reached=None, newest_ms=None).to.offset


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (placed(place(None), reached=None), "what was placed is not known"),
        (placed(place(None), remembered=7), "the row at 7 is a header, or stands under one"),
        (placed(place(None), remembered=7, kept=5, missing=4), "place.state does not know the row at 4, which was placed"),
        (placed(place(None), remembered=9, kept=8, until_ms=19), "a row that was placed after that at 8, and place.state does not"),
        (placed(place(None, begin=3), reached=None, newest_ms=None), "rows before 3 have expired"),
        (
            placed(place(said(200, PlaceMark(out=(5, 9), born="b"))), last={("his/b", 0): 2}),
            "partition 0 ends with number 2 of his/b, and 4 was written",
        ),
    ],
)
def test_placing_is_not_told_to_go_on_where_that_is_a_guess(found, why):
    """A row too many takes its old content again, a row too few is lost."""
    assert Action.REFUSE == found.action
    assert why in found.why

"""Which letters a replay plan is of, on a real broker: those that it was made of, however many come after it."""

from dataclasses import replace

import pytest

from streams.broker_wiring import broker_access
from streams.deadletter.reading import read_letters
from streams.deadletter.record import letter_id
from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.replay.plan import Depth, Outcome
from tests.bench.topics import apply_topics
from tests.integration.test_dlq_command import INVALID, sample_site
from tests.integration.test_letters_index import Place, of_row
from yibao.letters.asked import wanted_by
from yibao.replaying.planning import prepared

pytestmark = pytest.mark.stack
ROW = b'{"source":{"name":"his","schema":"his","table":"sf_fymx"},"op":"c","after":{"mxid":%d}}'


@pytest.fixture(scope="module")
def place(kafka, tmp_path_factory):
    file = sample_site(tmp_path_factory.mktemp("planned"), kafka.bootstrap_servers, "planned-")
    apply_topics(file)
    made = Place(kafka.bootstrap_servers, "planned-visit.dead", "planned-visit.audit")
    made.site = load_site(file)
    return made


def unplaced(number):
    """A letter of a row that had no place."""
    letter = of_row(number, rule="NO_VISIT_KEY")
    return replace(letter, service="", value=ROW % number, identity=f"unplaced {number}")


async def test_a_run_takes_in_the_letters_of_its_plan_alone_and_none_that_was_told_again_since(place):
    """Whoever approved the plan has not seen those; and what was told again has failed for whoever told it."""
    letters = [unplaced(number) for number in range(3)]
    await place.write(1, *letters)
    options = {"depth": Depth.RECAPTURE, "why": "mended", "release": True, "deadline_s": 60.0}
    plan = prepared(place.site, wanted_by(["rule:NO_VISIT_KEY"]), **options).plan
    assert [Outcome.READ_AGAIN] * 3 == [item.outcome for item in plan.items]
    assert {1: plan.items[-1].offset + 1} == plan.ends

    await place.write(1, replace(letters[0], failed_at=letters[0].failed_at + 5), unplaced(7))
    await place.write(2, unplaced(8))
    now = prepared(place.site, wanted_by(()), only=plan, **options)
    assert {letter_id(one) for one in letters[1:]} == {*now.rereads}
    assert {("1",), ("2",)} == {one.key for one in now.rereads.values()}


async def test_letters_are_read_where_they_stand(place):
    """And with their bytes; one that the topic does not hold is left out."""
    await place.write(4, *(replace(INVALID, identity=f"{number}") for number in range(5)))
    access, topic = broker_access(place.site), place.site.topics.dead
    found = list(read_letters(access, topic, {(4, 1), (4, 3), (4, 99), (5, 0)}, client_id="test"))
    assert [(4, 1), (4, 3)] == [(one.partition, one.offset) for one in found]
    assert INVALID.value == found[0].value


async def test_no_plan_is_made_or_run_of_what_was_read_until_the_time_was_up(place):
    """What was not read may be a letter that the filter means, or one of the plan that was closed or told again since."""
    options = {"depth": Depth.RECAPTURE, "why": "mended", "release": True}
    await place.write(6, unplaced(20))
    plan = prepared(place.site, wanted_by(["rule:NO_VISIT_KEY"]), **options, deadline_s=60.0).plan
    await place.write(6, unplaced(21))
    for words, only in ((["rule:NO_VISIT_KEY"], None), ([], plan)):
        with pytest.raises(Misconfigured, match="--deadline"):
            prepared(place.site, wanted_by(words), **options, deadline_s=0.0, only=only)


async def test_a_plan_says_what_of_its_filter_no_letter_has(place):
    """With `not`, a mistyped value leaves nothing out, and the plan sends what nobody meant."""
    options = {"depth": Depth.RECAPTURE, "why": "mended", "release": True, "deadline_s": 60.0}
    await place.write(7, unplaced(30))
    made = prepared(place.site, wanted_by(["not", "rule:NO_VISIT_KYE"]), **options)
    assert made.plan.items
    assert ["no letter has rule:NO_VISIT_KYE (did you mean `NO_VISIT_KEY`?)"] == [*made.notes]
    assert () == prepared(place.site, wanted_by(["rule:NO_VISIT_KEY"]), **options).notes
    with pytest.raises(Misconfigured, match="closed letters are not replayed"):
        prepared(place.site, wanted_by(["rule:NO_VISIT_KEY", "closed"]), **options)

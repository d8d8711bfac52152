"""What a person ordered, in `yibao status`: always told with who and why, and no blank cheque."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streams.lanes.marks import DeliverMark
from streams.topics.steering import Paused
from tests.unit.yibao.test_status_lines import H1, H2, LIMITS, NOW, OF_H1, PAUSED_ASIDE, asked, marks, pause
from yibao.lag.counted import Kind
from yibao.monitored import Seen
from yibao.status.facts import Part
from yibao.status.lines import lines_of
from yibao.status.shown import look_of

OF_FRESH = {(H2, "setl_d"): Kind(60, NOW - 1_000)}


def test_a_pause_that_ends_by_itself_is_told_with_who_and_why_and_until_when():
    """Whoever is woken by what does not come must not take a person's order for a fault."""
    ending = pause(Paused.INSTITUTION, H1, "2023-11-15T12:00:00+08:00")
    ending = replace(ending, why="asked by 13800138000 of the platform")
    lines = lines_of(asked(marks(delivered=PAUSED_ASIDE), kinds=OF_H1, pauses=[ending]), LIMITS)
    screen, _ = look_of(lines, site="s", now_ms=NOW, zone="UTC")
    told = " ".join(screen.split())
    assert "nothing needs a person" in told
    assert f"institution {H1}: paused: institution {H1}, until 2023-11-15T12:00:00+08:00, by li@sre: asked by" in told
    assert "13800138000" not in told


@pytest.mark.parametrize(
    ("oldest", "ends", "person"),
    [
        (timedelta(minutes=20), timedelta(hours=6), False),  # late by `lag`, and that is what was ordered
        (timedelta(hours=9), timedelta(hours=1), True),  # longer than a working day
        (timedelta(minutes=20), timedelta(days=8), True),  # at its end past half of what the topics keep
        (None, timedelta(days=8), False),  # nothing waits
    ],
)
def test_a_pause_whose_backlog_comes_near_a_deadline_needs_a_person_also_where_it_has_an_end(oldest, ends, person):
    """A pause of a year was nobody's affair until its records were dropped."""
    here = datetime.fromtimestamp(NOW / 1000, UTC)
    kinds = {} if oldest is None else {(H1, "fee_list_d"): Kind(30, NOW - round(oldest.total_seconds() * 1000))}
    aside = PAUSED_ASIDE if oldest else DeliverMark(seq=100)
    paused = pause(Paused.INSTITUTION, H1, (here + ends).isoformat(timespec="seconds"))
    lines = lines_of(asked(marks(delivered=aside), kinds=kinds, pauses=[paused]), LIMITS)
    (line,) = (line for line in lines if line.part is Part.INSTITUTION)
    assert ("paused", person) == (line.reason.name, line.reason.person)
    staged = replace(paused, of=Paused.STAGE, name="deliver")
    behind = asked(marks(delivered=DeliverMark(seq=40 if oldest else 100)), kinds=kinds, pauses=[staged])
    (line,) = (line for line in lines_of(behind, LIMITS) if line.part is Part.DELIVER)
    assert ("paused", person) == (line.reason.name, line.reason.person)


@pytest.mark.parametrize(
    ("said", "order"),
    [
        (asked(marks()), (Paused.SERVICE, "fee_list_d")),
        (asked(marks(), full="/data, 3 MiB are free"), (Paused.STAGE, "join")),
    ],
)
def test_a_pause_that_is_the_reason_of_no_part_is_told_all_the_same(said, order):
    """A service is no part; and a worse fault stands before the pause, which stays when it is mended."""
    (line,) = (line for line in lines_of(replace(said, pauses=[pause(*order)]), LIMITS) if line.reason.name == "paused")
    assert ("li@sre: the platform moves" in line.reason.says, line.reason.person) == (True, True)


@pytest.mark.parametrize(
    "more",
    [
        {"heard": [Seen(worker="deliver-0", address="", state="degraded", reasons=[{"reason": "platform_away", "what": ""}])]},
        {"pauses": [pause(Paused.STAGE, "deliver", "2023-11-15T12:00:00+08:00")]},
    ],
)
def test_an_institution_does_not_move_while_its_stage_does_not(more):
    """The platform is away for a minute: nothing is late yet, and nothing of anybody moves."""
    lines = {line.title: line for line in lines_of(asked(marks(delivered=DeliverMark(seq=40)), kinds=OF_FRESH, **more), LIMITS)}
    assert not lines["deliver"].reason.person
    reason = lines[f"institution {H2}"].reason
    assert ("behind_another", "waits behind deliver") == (reason.name, reason.says.partition(":")[0])

"""When the platform is maintained: inside a window nothing is posted and nobody is woken, so each edge is somebody's night."""

from contextlib import nullcontext
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from streams.errors import Fatal
from streams.mapping.maintaining import Maintenance
from streams.topics.control import Controls
from streams.topics.maintenance import Ordered, Recurring, Windows
from streams.topics.steering import dump_window

SHANGHAI = ZoneInfo("Asia/Shanghai")
SUNDAYS = Recurring(days=frozenset({6}), begins=time(22), ends=time(4))
"""From Sunday night to Monday morning."""
WINDOWS = Windows(zone=SHANGHAI, recurring=[SUNDAYS], drain_s=3600)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(UTC)


def ordered(begins, ends, *, is_open=True):
    return Ordered(begins=f"{begins}+08:00", ends=f"{ends}+08:00", open=is_open, at="now", by="li@sre", why="their notice")


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-29T21:59:59", None),
        ("2026-11-29T22:00:00", True),
        ("2026-11-30T03:59:59", True),
        ("2026-11-30T04:00:00", False),
        ("2026-11-30T04:59:59", False),
        ("2026-11-30T05:00:00", None),
        ("2026-11-30T22:30:00", None),
    ],
)
def test_a_window_goes_over_midnight_and_what_waited_has_its_time_after_it(moment, inside):
    """The zone is the site's, whatever that of the machine is."""
    window = WINDOWS.at(None, at(moment))
    assert inside == (None if window is None else window.inside)


def test_an_ordered_window_counts_beside_those_that_come_again():
    """The platform's notice of an exception does not take back the rule."""
    notice = ordered("2026-12-02T01:00:00", "2026-12-02T03:00:00")
    found = [WINDOWS.at(notice, at(moment)) for moment in ("2026-12-02T02:00:00", "2026-11-29T23:00:00")]
    assert ["li@sre", "site.yaml"] == [window.by for window in found]
    shown = [one.begins.day for one in WINDOWS.around(notice, at("2026-11-29T12:00:00")) if one.ends > at("2026-11-29T12:00:00")]
    assert [29, 2, 6] == shown


def test_one_that_was_closed_early_is_over_then_and_comes_again():
    """The platform is back: to wait for the rest of the night would be our own outage."""
    closed = ordered("2026-11-29T23:00:00", "2026-11-30T04:00:00", is_open=False)
    inside = [(one := WINDOWS.at(closed, at(moment))) and one.inside for moment in ("2026-11-29T22:59:59", "2026-11-29T23:00:00")]
    assert [True, False] == inside
    assert WINDOWS.at(closed, at("2026-11-30T01:00:00")) is None
    assert WINDOWS.at(closed, at("2026-12-06T23:00:00")).inside


def daily(begins, ends):
    return Recurring(days=frozenset(range(7)), begins=time.fromisoformat(begins), ends=time.fromisoformat(ends))


@pytest.mark.parametrize("pair", [("03:00", "05:00"), ("02:00", "05:00")], ids=["touch", "overlap"])
def test_windows_that_touch_are_one(pair):
    """At 03:00:00 sharp a request would meet a platform that is half down; and `until 03:00` wakes somebody for two hours more."""
    windows = Windows(zone=SHANGHAI, recurring=[daily("01:00", "03:00"), daily(*pair)], drain_s=3600)
    for moment in ("2026-11-30T01:00:00", "2026-11-30T02:59:59", "2026-11-30T03:00:00", "2026-11-30T04:59:59"):
        found = windows.at(None, at(moment))
        assert (True, at("2026-11-30T01:00:00"), at("2026-11-30T05:00:00")) == (found.inside, found.begins, found.ends), moment
    assert not windows.at(None, at("2026-11-30T05:00:00")).inside
    notice = ordered("2026-11-30T05:00:00", "2026-11-30T06:00:00")
    beside = [windows.at(notice, at(moment)) for moment in ("2026-11-30T04:59:59", "2026-11-30T05:00:00")]
    assert [("site.yaml", at("2026-11-30T06:00:00")), ("li@sre", at("2026-11-30T06:00:00"))] == [(x.by, x.ends) for x in beside]


def test_the_end_of_one_that_touches_another_ends_both():
    """The platform is back: that its second window opens two hours later is what nobody expects who ended it."""
    windows = Windows(zone=SHANGHAI, recurring=[daily("01:00", "03:00"), daily("03:00", "05:00")])
    whole = windows.at(None, at("2026-11-30T02:00:00")).ends.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")
    closed = ordered("2026-11-30T02:00:00", whole, is_open=False)
    assert [None] * 3 == [windows.at(closed, at(f"2026-11-30T{one}")) for one in ("02:00:00", "03:00:00", "04:59:59")]
    assert windows.at(closed, at("2026-12-01T01:00:00")).inside


def test_from_a_time_to_the_same_time_is_a_whole_day():
    """Not nothing, and not for ever: on Sunday at three it begins, and on Monday at three it is over."""
    day = Windows(zone=SHANGHAI, recurring=[Recurring(days=frozenset({6}), begins=time(3), ends=time(3))])
    moments = ["2026-11-29T02:59:59", "2026-11-29T03:00:00", "2026-11-30T02:59:59", "2026-11-30T03:00:00"]
    assert [False, True, True, False] == [day.at(None, at(moment)) is not None for moment in moments]


@pytest.mark.parametrize(
    ("windows", "fits"),
    [
        ([{"begins": "03:00", "ends": "03:00"}], False),
        ([{"begins": "03:00", "ends": "15:00"}, {"begins": "15:00", "ends": "03:00"}], False),
        ([{"begins": "03:00", "ends": "02:59"}], True),
        ([{"days": ["sun"], "begins": "03:00", "ends": "03:00"}], True),
    ],
)
def test_windows_that_never_end_are_refused(windows, fits):
    """A slip of the pen stops all reporting for ever, and no alarm is raised inside of a window."""
    with nullcontext() if fits else pytest.raises(ValidationError, match="no minute of the week"):
        Maintenance.model_validate({"windows": windows})


def test_an_order_is_read_as_it_was_written_and_the_last_one_counts():
    """In between it lies in a topic, for other versions, too."""
    first, last = ordered("2026-12-02T01:00:00", "2026-12-02T03:00:00"), ordered("2026-12-02T01:00:00", "2026-12-02T05:00:00")
    controls = Controls()
    controls.take(dump_window(one)[1] for one in (first, last))
    assert last == controls.orders.maintenance


def test_a_time_without_a_zone_is_none_of_ours():
    """Eight hours beside it everybody would be woken, or nobody."""
    _, value = dump_window(ordered("2026-12-02T01:00:00", "2026-12-02T03:00:00"))
    with pytest.raises(Fatal, match="nothing else may write"):
        Controls().take([value.replace(b"+08:00", b"")])

"""When the platform is maintained: inside a window nothing is posted and nobody is woken, so each edge is somebody's night."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from streams.errors import Fatal
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

"""Each channel is told of an alert once, and once that it is over, whatever happens between."""

from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from streams.errors import Misconfigured
from streams.mapping.notifying import Channel, NotifySettings
from streams.telemetry.alerts.samples import INSTANCE
from yibao.watching.channels import NotTold
from yibao.watching.kept import alone
from yibao.watching.running import Watching

HELD = {"cdc_lane_held": {frozenset({("stage", "deliver"), ("topic", "t"), ("partition", "0"), (INSTANCE, "w")}): 1.0}}
BROKERS = {"cdc_brokers_lost": {frozenset({("stage", "deliver"), (INSTANCE, "w")}): 1.0}}
RUNNING = {"cdc_build_info": {frozenset({("stage", stage), (INSTANCE, stage)}): 1.0 for stage in ("place", "join", "deliver")}}
WELL = {**RUNNING, "cdc_lane_held": {}, "cdc_brokers_lost": {}}
MINUTE = 60.0


class Site:
    """A site whose watch is started again and again, a minute of a clock that is set at a time."""

    def __init__(self, folder, *, channels=None, repeat_s=14_400.0):
        self.channels = channels or {"ops": Channel(kind="stderr")}
        notify = NotifySettings(channels=self.channels, repeat_s=repeat_s)
        self.site = SimpleNamespace(site="s", timezone="UTC", notify=notify, workers=SimpleNamespace(home=folder))
        self.told = []
        self.broken = set()
        self.now = 1_700_000_000.0
        self.start()

    def start(self):
        self.watching = Watching(self.site, self.channels, now=self.now, send=self.send)
        self.watching.folder.mkdir(exist_ok=True)

    def send(self, name, _channel, told):
        if name in self.broken:
            raise NotTold("HTTP 503")
        notice = told.notice
        self.told += [(name, "fires", one.key[0]) for one in notice.fires] + [(name, "over", one.key[0]) for one in notice.over]

    def pass_minutes(self, count, look):
        for _ in range(count):
            self.now += MINUTE
            self.watching.take(self.now, {**RUNNING, **look})

    def said(self):
        told, self.told = self.told, []
        return told


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_an_alert_is_told_when_its_time_is_over_once_and_its_end_once(site):
    """What lasts a moment wakes nobody, and what lasts a night is not told every quarter of a minute."""
    site.pass_minutes(15, HELD)
    assert [] == site.said()
    site.pass_minutes(30, HELD)
    assert [("ops", "fires", "YibaoLaneHeld")] == site.said()
    site.pass_minutes(30, WELL)
    assert [("ops", "over", "YibaoLaneHeld")] == site.said()


def test_a_restart_repeats_nothing_and_forgets_no_recovery(site):
    """A watch that is updated at night would wake everybody again, or leave them looking for what is over."""
    site.pass_minutes(20, HELD)
    assert [("ops", "fires", "YibaoLaneHeld")] == site.said()
    site.start()
    site.pass_minutes(20, HELD)
    assert [] == site.said()
    site.start()
    site.pass_minutes(1, WELL)
    assert [("ops", "over", "YibaoLaneHeld")] == site.said()


def test_a_short_restart_does_not_begin_the_time_anew_and_a_long_one_does(site):
    """Nobody knows what was so while nobody looked."""
    site.pass_minutes(10, HELD)
    site.start()
    site.pass_minutes(6, HELD)
    assert [("ops", "fires", "YibaoLaneHeld")] == site.said()
    site.pass_minutes(1, WELL)
    site.said()
    site.pass_minutes(10, HELD)
    site.now += 3600
    site.start()
    site.pass_minutes(15, HELD)
    assert [] == site.said()


def test_a_channel_that_took_nothing_is_told_later_and_the_others_are_told_at_once(tmp_path):
    """One robot that was removed must not silence the other."""
    site = Site(tmp_path, channels={"a": Channel(kind="stderr"), "b": Channel(kind="stderr")})
    site.broken = {"a"}
    with capture_logs() as lines:
        site.pass_minutes(20, HELD)
    assert [("b", "fires", "YibaoLaneHeld")] == site.said()
    assert {("a", "HTTP 503")} == {(one["channel"], one["error"]) for one in lines if one["event"] == "notice_failed"}
    site.broken = set()
    site.pass_minutes(10, HELD)
    assert [("a", "fires", "YibaoLaneHeld")] == site.said()


def test_what_was_never_told_is_not_called_over(tmp_path):
    """It would send people to look for what they never heard of."""
    site = Site(tmp_path)
    site.broken = {"ops"}
    site.pass_minutes(20, HELD)
    site.broken = set()
    site.pass_minutes(10, WELL)
    assert [] == site.said()


def test_only_what_is_critical_is_told_again_after_hours(tmp_path):
    """A night shift that slept over it is woken again; a warning waits for the day."""
    site = Site(tmp_path, repeat_s=3600)
    site.pass_minutes(70, {**HELD, **BROKERS})
    assert 2 == len(site.said())
    site.pass_minutes(10, {**HELD, **BROKERS})
    assert [("ops", "fires", "YibaoLaneHeld")] == site.said()


def test_a_channel_for_what_is_critical_hears_no_warning(tmp_path):
    """The phone that rings at night must not ring for what has time."""
    site = Site(tmp_path, channels={"night": Channel(kind="stderr", severity="critical")})
    site.pass_minutes(20, BROKERS)
    assert [] == site.said()


def test_a_clock_that_was_set_back_silences_nothing(site):
    """After a wrong time of a battery the watch would wait for days until it is that late again."""
    site.pass_minutes(10, HELD)
    site.now -= 86_400
    site.start()
    site.pass_minutes(30, HELD)
    assert ("ops", "fires", "YibaoLaneHeld") in site.said()


def test_a_rate_that_is_not_known_after_a_restart_is_not_taken_for_an_end(site):
    """Of counters a watch that begins knows nothing for a quarter of an hour."""
    labels = frozenset({("stage", "deliver"), ("class", "REJECTED"), ("owner", "platform"), (INSTANCE, "w")})
    letters = 0.0
    for _ in range(40):
        letters += 1
        site.pass_minutes(1, {"cdc_dead_letters_total": {labels: letters}})
    assert [("ops", "fires", "YibaoRefusalsGrow")] == site.said()
    site.start()
    site.pass_minutes(5, {"cdc_dead_letters_total": {labels: letters}})
    assert [] == site.said()
    site.pass_minutes(15, {"cdc_dead_letters_total": {labels: letters}})
    assert [("ops", "over", "YibaoRefusalsGrow")] == site.said()


def test_two_watches_of_one_folder_are_one_too_many(site):
    """Everybody would be told twice."""
    with alone(site.watching.folder), pytest.raises(Misconfigured, match="another `yibao watch` runs"), alone(site.watching.folder):
        pass

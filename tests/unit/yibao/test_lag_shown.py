"""What `yibao lag` says: how fast it goes, what is too far behind, and on a screen of 80 columns."""

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Unreachable
from yibao import screens
from yibao.lag.counted import Kind, Lag, paced, slowest
from yibao.lag.shown import Limits, document, look_of, of_stages, too_far
from yibao.moments import span
from yibao.screens import Look, aligned

NOW = 1_700_000_000_000
H1, H2 = "H36110200001", "H36110300002"
WORKERS = {"place": 1, "join": 1, "deliver": 0}
LIMITS = Limits(max_age_s=600, max_waiting=None)


def lag(stage="deliver", waiting=0, **more):
    about = {"source": None if stage == "deliver" else "his", "partition": 0, "taken": 100, "come": 100 + (waiting or 0)}
    return Lag(stage=stage, waiting=waiting, **(about | more))


def minutes_ago(minutes):
    return NOW - minutes * 60_000


def said(lags, far=()):
    return look_of(lags, now_ms=NOW, far=far, workers=WORKERS, zone="Asia/Shanghai")


@pytest.mark.parametrize(
    ("taken", "come", "pace"),
    [
        (120, 200, (10, 0, 8.0, True)),
        (120, 210, (10, 5, 18.0, True)),
        (100, 200, (0, 0, None, False)),
        (120, 260, (10, 30, None, False)),
        (200, 200, (50, 0, 0.0, True)),
    ],
)
def test_the_pace_is_what_was_taken_between_two_looks_and_what_came_counts_against_it(taken, come, pace):
    """A stage that takes as much as comes is never through, however fast it is."""
    first = lag(waiting=100, come=200)
    (second,) = paced([first], [lag(waiting=come - taken, taken=taken, come=come)], elapsed_s=2.0)
    assert pace == (second.rate_per_s, second.coming_per_s, second.drained_in_s, second.drains)


def test_a_first_look_and_one_after_a_stage_was_not_known_have_no_pace():
    """What was taken before anybody looked says nothing about now."""
    unknown = lag(waiting=None)
    (first,), (after,) = paced([], [lag(waiting=3)], elapsed_s=2.0), paced([unknown], [lag(waiting=3)], elapsed_s=2.0)
    assert [(None, None, None)] * 2 == [(one.rate_per_s, one.drains, one.drained_in_s) for one in (first, after)]


def test_a_stage_is_drained_with_its_slowest_partition_and_one_that_stands_comes_first():
    """Eleven lanes in a minute and one that never ends is no minute."""
    quick = lag(waiting=10, rate_per_s=10.0, coming_per_s=0.0, partition=1)
    slow = replace(quick, waiting=1_000, partition=2)
    stands = replace(quick, rate_per_s=0.0, partition=3)
    assert [slow, stands, None] == [slowest([quick, slow]), slowest([quick, slow, stands]), slowest([lag()])]
    (stage,) = document([quick, slow], now_ms=NOW, far=(), workers=WORKERS, zone="UTC")["stages"]
    assert (20.0, 100.0, 1_010) == (stage["rate_per_s"], stage["drained_in_s"], stage["waiting"])


@pytest.mark.parametrize(
    ("of_first", "of_second", "word"),
    [
        ((50.0, 10.0), (4.0, 4.5), "≥ 25 s"),
        ((50.0, 10.0), (4.0, 4.0), "≥ 25 s"),
        ((50.0, 10.0), (4.0, 3.0), "25 s"),
        ((50.0, 10.0), (0.0, 0.0), "stands"),
        ((10.0, 10.0), (4.0, 4.0), "steady"),
        ((10.0, 50.0), (4.0, 0.5), "grows"),
        ((50.0, 10.0), (None, None), "-"),
    ],
)
def test_a_backlog_that_gets_less_all_in_all_does_not_grow(of_first, of_second, word):
    """One of twelve lanes gets a row more between two looks; whoever reads `grows` starts a worker that nobody needs."""
    paces = [{"rate_per_s": rate, "coming_per_s": coming} for rate, coming in (of_first, of_second)]
    lags = [lag(waiting=1_000, **paces[0]), lag(waiting=6, partition=1, **paces[1])]
    screen, line = said(lags)
    assert f" {word} " in screen.splitlines()[1]
    assert line.endswith(f"drained in {word}" if "s" in word.split() else word if word != "-" else "1006")
    (stage,) = document(lags, now_ms=NOW, far=(), workers=WORKERS, zone="UTC")["stages"]
    assert {"steady": False, "grows": False, "stands": False, "-": None}.get(word, True) is stage["drains"]


def test_what_is_too_old_too_much_or_not_known_is_named_with_its_partition():
    """Each of the three hides what stands behind it."""
    lags = [
        lag("place", 3, oldest_ms=minutes_ago(1)),
        lag("join", 3, oldest_ms=minutes_ago(20), partition=4),
        lag("join", 2, partition=5),
        lag(waiting=None, partition=6),
    ]
    told = too_far(lags, Limits(max_age_s=600, max_waiting=4), now_ms=NOW)
    assert [
        "join (his), partition 4: the oldest is 20 min old, 600 s are allowed",
        "join (his), partition 5: how old the oldest is was not found in time",
        "deliver, partition 6: no offset of ours is committed: yibao topics plan",
        "join: 5 wait, 4 are allowed",
    ] == told
    assert [] == too_far([lag("place"), lag("join"), lag()], Limits(max_age_s=0, max_waiting=0), now_ms=NOW)


def test_what_is_late_because_the_platform_is_maintained_is_not_too_far():
    """Whoever announced a window is not woken by it; what the other stages owe is told all the same."""
    lags = [lag("join", 3, oldest_ms=minutes_ago(20)), lag(waiting=9, oldest_ms=minutes_ago(20))]
    limits = Limits(max_age_s=600, max_waiting=8)
    told = [too_far(lags, limits, now_ms=NOW, maintained=maintained) for maintained in (False, True)]
    assert [3, 1] == [len(one) for one in told]
    assert told[1][0].startswith("join")


def test_what_waits_of_one_institution_is_judged_by_itself():
    """The others' backlog is no reason to call this hospital late, nor their speed its own."""
    kinds = {(H1, "setl_d"): Kind(2, minutes_ago(20)), (H2, "setl_d"): Kind(5, minutes_ago(1))}
    both = lag(waiting=7, kinds=kinds, oldest_ms=minutes_ago(20), rate_per_s=3.0, coming_per_s=0.0)
    (first,), (second,) = (of_stages([lag("place"), both], stage=None, source=None, institution=one) for one in (H1, H2))
    assert [(2, True), (5, False)] == [(one.waiting, bool(too_far([one], LIMITS, now_ms=NOW))) for one in (first, second)]
    assert first.rate_per_s is None
    assert ["join"] == [one.stage for one in of_stages([lag("place"), lag("join")], stage="join", source="his", institution=None)]


def test_the_screen_has_a_line_of_each_stage_and_of_each_partition_where_something_waits():
    """Whoever is called at night looks for the line that is not like the others."""
    lags = [
        lag("place", 5, oldest_ms=minutes_ago(3), at_most=True, owner="yibao-place-0 at 10.20.30.40"),
        lag("join", 0),
        lag("join", 12, partition=1, oldest_ms=minutes_ago(61), rate_per_s=0.0, coming_per_s=0.0),
        lag(waiting=0),
        lag(waiting=None, partition=1),
    ]
    screen, line = said(lags)
    assert [
        "STAGE        PART    WAITING  OLDEST  RATE/S  DRAINED IN  OWNER",
        "place (his)     0        ≤ 5   3 min       -           -  yibao-place-0 at 10.2…",
        "join          all         12  61 min       -      stands  1 worker",
        "  his           1         12  61 min     0.0      stands  nobody",
        "deliver       all  not known       -       -           -  0 workers",
        "                1  not known       -       -           -  nobody",
    ] == screen.splitlines()
    assert "2023-11-15T06:13:20+08:00 place (his) 5, 3 min old; join 12, 61 min old; deliver not known" == line


@given(
    st.lists(
        st.builds(
            lag,
            st.sampled_from(["place", "join", "deliver"]),
            st.one_of(st.none(), st.integers(0, 10**9)),
            partition=st.integers(0, 99),
            oldest_ms=st.one_of(st.none(), st.integers(0, NOW)),
            owner=st.text("abc-é医", max_size=90),
            at_most=st.booleans(),
            rate_per_s=st.one_of(st.none(), st.floats(0, 10**6)),
            coming_per_s=st.one_of(st.none(), st.floats(0, 10**6)),
            kinds=st.dictionaries(st.tuples(st.sampled_from([H1, H2]), st.just("fee_list_d")), st.just(Kind(10**9, 0))),
            all_kinds=st.booleans(),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_no_line_of_a_screen_is_longer_than_a_terminal_and_a_document_is_json(lags):
    """A line that wraps hides the column that matters."""
    far = too_far(lags, LIMITS, now_ms=NOW)
    assert all(len(line) <= 80 for line in said(lags, far).screen.splitlines())
    found = json.loads(json.dumps(document(lags, now_ms=NOW, far=far, workers=WORKERS, zone="UTC")))
    assert len(lags) == len(found["partitions"])


@given(st.floats(0, 4_000 * 86_400))
def test_a_span_fits_its_column(seconds):
    """In the table of what waits for years, too."""
    assert len(span(seconds)) <= 9


def test_numbers_stand_right_in_columns_of_one_width():
    """Two numbers are compared by how long they are."""
    assert ["A     N", "bb  100", "c     7"] == aligned([("A", "N"), ("bb", "100"), ("c", "7")], right=(1,))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("out", "programs", "shown"),
    [
        (io.StringIO, False, "a line\naway\n"),
        (Terminal, False, "\x1b[H\x1b[2Ja screen\n\x1b[H\x1b[2Jaway\n"),
        (Terminal, True, 'a line\n{"unreachable": "away"}\n'),
    ],
)
def test_a_watch_paints_a_terminal_anew_writes_lines_elsewhere_and_outlives_brokers_that_are_away(
    monkeypatch, out, programs, shown
):
    """What is watched for is the very moment at which they come back."""
    looks = iter([Look("a screen", "a line"), Unreachable("away"), KeyboardInterrupt()])

    def look():
        one = next(looks)
        if isinstance(one, BaseException):
            raise one
        return one

    written = out()
    monkeypatch.setattr("sys.stdout", written)
    monkeypatch.setattr(screens.time, "sleep", lambda _seconds: None)
    with pytest.raises(KeyboardInterrupt):
        screens.watch(look, every_s=2.0, for_programs=programs)
    assert shown == written.getvalue()

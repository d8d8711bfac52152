"""The faults must strike where they are told to and nowhere else, or a chaos test proves something else than it says."""

from collections import Counter

import pytest

from sandbox.platform.faults import FAULTS, PROFILES, Fault, FaultBoard, Kind, Request, read_faults, uniform


def request(post=1, *, service="setl_d", institution="H1", msgid=None, attempt=1):
    return Request(post=post, service=service, institution=institution, msgid=msgid or f"m{post}", attempt=attempt)


def kinds(board, requests, now_s=0.0):
    return [(each.msgid, board.strike(each, now_s=now_s).names) for each in requests]


def test_the_order_of_arrival_does_not_change_who_is_struck():
    """Concurrent lanes arrive in any order; the same seed must still mean the same faults."""
    requests = [request(post) for post in range(300)]
    first, second = (FaultBoard(PROFILES["demo"], seed=4) for _ in range(2))
    assert sorted(kinds(first, requests)) == sorted(kinds(second, reversed(requests)))


def test_another_seed_or_another_attempt_strikes_differently():
    """A msgid that was always struck would never be delivered."""
    board = FaultBoard([Fault(kind=Kind.SYSTEM, probability=0.5)], seed=1)
    other = FaultBoard([Fault(kind=Kind.SYSTEM, probability=0.5)], seed=2)
    attempts = [request(1, attempt=attempt) for attempt in range(40)]
    assert len({names for _, names in kinds(board, attempts)}) == 2
    assert kinds(board, attempts) != kinds(other, attempts)


def test_probabilities_are_kept():
    """2 % must be 2 %, or the share of lost answers in a report is fiction."""
    board = FaultBoard([Fault(kind=Kind.LOST, probability=0.02), Fault(kind=Kind.SLOW, probability=0.3, delay_s=1)])
    struck = Counter(name for _, names in kinds(board, [request(post) for post in range(20_000)]) for name in names)
    assert 300 < struck["lost"] < 500
    assert 5_600 < struck["slow"] < 6_400


def test_the_first_fault_wins_and_modifiers_go_with_it():
    """One request has one fate; only its time and its form can be changed besides."""
    board = FaultBoard(
        [
            Fault(kind=Kind.SLOW, delay_s=0.5),
            Fault(kind=Kind.HTML),
            Fault(kind=Kind.SYSTEM),
            Fault(kind=Kind.SHAPE, form="status/text"),
        ]
    )
    struck = board.strike(request(), now_s=0.0)
    assert struck.names == ("slow", "html", "shape")
    assert struck.fault is not None
    assert (struck.fault.kind, struck.delay_s) == (Kind.HTML, 0.5)
    assert struck.shape is not None
    assert (struck.shape.code_name, struck.shape.code_as_text) == ("status", True)


def test_a_window_opens_closes_and_comes_again():
    """Outages are windows: a lane must get through between them."""
    board = FaultBoard([Fault(kind=Kind.OUTAGE, from_s=10, for_s=3, every_s=20)], now_s=100.0)
    open_at = [second for second in range(60) if board.strike(request(second), now_s=100.0 + second).fault]
    assert open_at == [10, 11, 12, 30, 31, 32, 50, 51, 52]


def test_a_fault_keeps_to_its_service_institution_and_number_of_strikes():
    """A test that takes one institution's authorisation away must not hit its neighbour."""
    board = FaultBoard([Fault(kind=Kind.UNAUTHORISED, institution="H2", service="setl_d", times=2)])
    assert board.strike(request(institution="H1"), now_s=0).fault is None
    assert board.strike(request(institution="H2", service="mdtrt_d"), now_s=0).fault is None
    hits = [board.strike(request(post, institution="H2"), now_s=0).fault is not None for post in range(4)]
    assert hits == [True, True, False, False]


def test_delays_lie_between_their_bounds():
    """A delay over the bound would look like an outage."""
    board = FaultBoard([Fault(kind=Kind.SLOW, delay_s=0.1, delay_max_s=2.0)])
    delays = [board.strike(request(post), now_s=0).delay_s for post in range(2000)]
    assert 0.1 <= min(delays) < 0.11
    assert 1.8 < max(delays) <= 2.0


def test_even_draws_are_even():
    """Neighbouring msgids differ in one character: their fates must not follow from each other."""
    tenths = Counter(int(uniform(7, f"H36110200001{number:020}") * 10) for number in range(10_000))
    assert len(tenths) == 10
    assert min(tenths.values()) > 800


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b'{"kind":"lost","probability":2}', "probability"),
        (b'{"kind":"throttled","judged":true}', "judged"),
        (b'{"kind":"late","judged":false}', "judged"),
        (b'{"kind":"throttled","form":"minutes"}', "seconds"),
        (b'{"kind":"outage","form":"refuse"}', "for_s"),
        (b'{"kind":"shape","form":"kode"}', "infcode"),
        (b'{"kind":"shape","form":"code/number"}', "text"),
        (b'{"kind":"html","chance":1}', "chance"),
        (b'[{"kind":"none"}]', "kind"),
        (b"html", "column 1"),
    ],
)
def test_a_fault_that_could_not_strike_as_meant_is_refused(text, says):
    """The person who wrote it reads which member is wrong."""
    with pytest.raises(ValueError, match=says):
        read_faults(text)


def test_every_profile_can_be_written_and_read():
    """Profiles travel through the control page as JSON."""
    for faults in PROFILES.values():
        assert read_faults(FAULTS.dump_json(faults, exclude_defaults=True)) == faults


def test_the_hostile_profile_has_every_kind():
    """A kind that no profile has is met by no long run."""
    assert {fault.kind for fault in PROFILES["hostile"]} == set(Kind)

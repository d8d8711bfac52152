"""One institution's POSTs are never answered: the others go on, and a platform that answers nobody is an outage as ever."""

from collections import Counter

from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.verdict import Held
from streams.lanes.deliver.health import Health
from tests.settings import deliver_settings
from tests.unit.streams.lanes.deliver.test_asides import A, B, C, D, Hospitals, told

SOON = {"aside_after_s": 0.0, "aside_answers": 2, "silent_after_s": 0.0, "max_retry_s": 0.002}


def unanswered(cause=RetryCause.TIMEOUT):
    return Held(cause=HoldCause.UNANSWERED, message=cause.value)


class Silent(Hospitals):
    """The platform takes what some institutions send, and says nothing."""

    def __init__(self, *silent):
        super().__init__()
        self.deliver_options = dict(SOON)
        self.platform.silent |= {*silent}


async def test_an_institution_that_is_never_answered_waits_alone_and_is_taken_once():
    """The platform may have had all of it: under another msgid it would have it twice."""
    site = Silent(A)
    site.more(40)
    logs = await site.pass_by()
    assert (site.all_of(B, C, D), {A}) == (sorted(site.taken(B, C, D)), set(site.mark.aside))
    assert {(A, "unanswered")} == {(entry["institution"], entry["cause"]) for entry in told(logs, "institution_held")}
    assert ([], False) == (told(logs, "institution_resumed"), site.mark.aside[A].plan.quiet)
    site.more(8)
    await site.pass_by()
    site.platform.silent.clear()
    logs = await site.come_in()
    assert Counter(range(1, 49)) == Counter(site.platform.numbers)
    assert ([], {A}) == (site.platform.changed_msgids, {entry["institution"] for entry in told(logs, "institution_released")})


async def test_a_platform_that_answers_nobody_is_an_outage_as_ever():
    """More than half of the institutions are silent: the lane tries again for ever, and nothing more is set aside."""
    site = Silent(A, B, C, D)
    site.more(40)
    await site.run(lambda: site.platform.posts > 60, what="many tries")
    assert 2 >= len(site.mark.aside)
    site.platform.silent.clear()
    await site.come_in()
    assert (Counter(range(1, 41)), []) == (Counter(site.platform.numbers), site.platform.changed_msgids)


async def test_what_is_held_for_its_key_and_then_not_answered_does_not_hold_the_lane():
    """A probe is one POST, whatever comes of it."""
    site = Silent()
    site.platform.shut_out |= {A}
    site.more(20)
    await site.pass_by()
    site.platform.shut_out.clear()
    site.platform.silent |= {A}
    site.more(20)
    await site.pass_by()
    assert (site.all_of(B, C, D), {A}) == (sorted(site.taken(B, C, D)), set(site.mark.aside))


class Known:
    """What a process knows of institutions, on a clock that is set."""

    def __init__(self, most=2):
        self.now = 0.0
        settings = deliver_settings(silent_after_s=30.0, aside_answers=2, probe_s=5.0, max_probe_s=60.0)
        self.health = Health(settings, clock=lambda: self.now, most=most)

    def silent(self, *names, at, took_s=1.0):
        self.now = at
        for name in names:
            self.health.unanswered(name, unanswered(), took_s=took_s)

    def lasting(self):
        return {name for name in (A, B, C, D) if self.health.is_lasting(name)}


def test_where_another_one_was_answered_meanwhile_the_platform_is_there():
    """Then it is that institution's own, after a while."""
    known = Known()
    known.silent(A, at=0.0)
    known.now = 5.0
    known.health.answered(B)
    known.silent(A, at=29.0)
    assert set() == known.lasting()
    known.silent(A, at=31.0)
    assert {A} == known.lasting()


def test_where_nobody_else_was_tried_it_takes_twice_as_long():
    """All lanes may stand at records of one institution."""
    known = Known()
    for at in (0.0, 31.0, 59.0):
        known.silent(A, at=at)
        assert set() == known.lasting()
    known.silent(A, at=61.0)
    assert {A} == known.lasting()


def test_silence_of_most_is_the_platforms():
    """Nobody is set aside for that, however long it lasts."""
    known = Known()
    for at in range(0, 600, 10):
        known.silent(A, B, C, at=float(at))
    assert (set(), False) == (known.lasting(), known.health.is_at_fault(A))


def test_an_answer_ends_the_silence():
    """What is slow now and then is no fault."""
    known = Known()
    known.health.answered(B)
    known.silent(A, at=0.0)
    known.now = 20.0
    known.health.answered(A)
    known.health.answered(B)
    known.silent(A, at=40.0)
    known.silent(A, at=41.0)
    assert set() == known.lasting()


def test_an_answer_that_is_lost_after_a_throttle_is_lost_and_no_fault():
    """A platform that is busy for a second loses answers, too: its institution stood for the waits of a fault, in all lanes."""
    known = Known()
    known.health.answered(B)
    known.now = 1.0
    known.health.throttled(A, unanswered(), after_s=1.0, again=True)
    known.silent(A, at=3.0)
    assert (0.0, set()) == (known.health.wait_s(A), known.lasting())
    known.health.answered(B)
    known.silent(A, at=34.0)
    assert {A} == known.lasting(), "one that goes on is silent all the same"


def test_a_probe_that_waits_long_for_nothing_comes_seldom():
    """It holds its lane meanwhile."""
    known = Known()
    known.silent(A, at=0.0)
    known.health.answered(B)
    known.silent(A, at=31.0, took_s=30.0)
    assert 150.0 == known.health.wait_s(A)

"""The platform takes no more of one institution for a while: it waits alone, and is asked again when it said."""

from collections import Counter

from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.throttle import Whose
from streams.deliver.verdict import Held, Retry, Throttled
from streams.lanes.deliver.health import Health
from tests.settings import deliver_settings
from tests.unit.streams.lanes.deliver.test_asides import A, B, C, D, Hospitals, told

MORE = Held(cause=HoldCause.THROTTLED, http_status=429, message="no more")
SOON = {"aside_after_s": 0.0, "throttled_after_s": 0.0, "max_throttle_s": 0.01}


class Throttling(Hospitals):
    """Of some institutions no more is taken for ten minutes."""

    def __init__(self, *throttled, said=None):
        super().__init__()
        self.deliver_options = dict(SOON)
        self.platform.says |= dict.fromkeys(throttled, said or Throttled(after_s=600.0))


async def test_an_institution_of_which_no_more_is_taken_waits_alone_and_is_taken_once_and_in_order():
    """The lane waited for ten minutes, and all that stood in it."""
    site = Throttling(A, C)
    site.more(40)
    logs = await site.pass_by()
    assert (site.all_of(B, D), {A, C}) == (sorted(site.taken(B, D)), set(site.mark.aside))
    assert {"throttled"} == {entry.cause.partition(" ")[0] for entry in site.mark.aside.values()}
    assert {(A, "warning"), (C, "warning")} == {
        (entry["institution"], entry["log_level"]) for entry in told(logs, "institution_throttled")
    }
    assert [] == told(logs, "institution_held")
    site.more(8)
    await site.pass_by()
    site.platform.says.clear()
    await site.come_in()
    assert Counter(range(1, 49)) == Counter(site.platform.numbers)
    assert [] == site.platform.changed_msgids
    assert all(site.taken(one) == site.all_of(one) for one in (A, C))


async def test_what_may_have_been_taken_before_http_503_goes_out_under_its_own_msgid():
    """503 with Retry-After says when to come again, and nothing of the batch."""
    site = Throttling(A, said=Retry(cause=RetryCause.SERVER_ERROR, http_status=503, after_s=600.0))
    site.more(40)
    await site.pass_by()
    assert ({A}, False) == (set(site.mark.aside), site.mark.aside[A].plan.quiet)
    site.platform.says.clear()
    await site.come_in()
    assert (Counter(range(1, 41)), []) == (Counter(site.platform.numbers), site.platform.changed_msgids)


async def test_where_no_more_is_taken_of_anybody_at_most_half_is_set_aside_and_all_arrives():
    """A gateway before the platform throttles them all."""
    site = Throttling(A, B, C, D)
    site.more(40)
    await site.run(lambda: site.platform.posts > 30, what="many tries")
    assert 2 >= len(site.mark.aside)
    site.platform.says.clear()
    await site.come_in()
    assert (Counter(range(1, 41)), []) == (Counter(site.platform.numbers), site.platform.changed_msgids)


async def test_a_throttle_of_all_and_a_limit_of_ours_set_nobody_aside():
    """Whose batch it happens to be says nothing."""
    site = Throttling()
    site.platform.script = [Throttled(after_s=0.001, whose=whose) for whose in (Whose.ALL, Whose.LIMIT)] * 5
    site.more(20)
    logs = await site.pass_by()
    assert ([], list(range(1, 21))) == (told(logs, "institution_throttled"), sorted(site.platform.numbers))


class Known:
    """What a process knows of institutions, on a clock that is set."""

    def __init__(self, most=2):
        self.now = 0.0
        self.health = Health(deliver_settings(probe_s=5.0, max_probe_s=60.0), clock=lambda: self.now, most=most)

    def throttled(self, *names, at, after_s=600.0, again=True):
        self.now = at
        for name in names:
            self.health.throttled(name, MORE, after_s=after_s, again=again)

    def lasting(self, at):
        self.now = at
        return {name for name in (A, B, C, D) if self.health.is_lasting(name)}


def test_a_long_throttle_is_known_to_last_from_one_answer():
    """There is no second one for ten minutes. Where another one is answered it takes ten seconds, else thirty."""
    known = Known()
    known.throttled(A, C, at=0.0)
    assert [set(), {A, C}] == [known.lasting(29.0), known.lasting(31.0)]
    known = Known()
    known.throttled(A, at=0.0)
    known.now = 2.0
    known.health.answered(B)
    assert [set(), {A}] == [known.lasting(9.0), known.lasting(11.0)]


def test_a_short_throttle_now_and_then_sets_nobody_aside():
    """It is over before anything could be gained."""
    known = Known()
    for at in (0.0, 60.0, 120.0):
        known.throttled(A, at=at, after_s=5.0)
        assert set() == known.lasting(at + 5.0)
        known.health.answered(A)
        known.health.answered(B)


def test_one_that_is_throttled_is_probed_when_it_was_told_and_by_one_lane():
    """Twelve lanes would be twelve requests of that for which it is throttled."""
    known = Known()
    known.throttled(A, at=0.0, after_s=40.0)
    known.throttled(A, at=1.0, after_s=39.0, again=False)
    assert (39.0, False) == (known.health.wait_s(A), known.health.probe(A))
    known.now = 40.0
    assert [True, False, True] == [known.health.probe(A), known.health.probe(A), known.health.probe(B)]


def test_that_of_most_is_the_platforms():
    """Then nobody is set aside for it, however long it lasts."""
    known = Known()
    known.throttled(A, B, C, at=0.0)
    assert set() == known.lasting(100.0)

"""The dry run of a replay says what the join then does; nothing of it is kept."""

from streams.deadletter.record import encode_dead_letter, read_dead_letter
from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.ready import decode, encode
from streams.domain.replay import Replay, replay_value
from streams.domain.violations import DeadClass
from streams.lanes.deliver.letters import Refusing, oversize, rejected
from streams.replay.ordering import Ordering
from streams.replay.plan import Depth, Outcome
from streams.replay.trial import Trial, rows_of
from tests.unit.streams.domain.join.join_rig import LIMITS, Join, mappings, whole


def joiner_of():
    return Joiner(mappings(), LIMITS, zone=mappings()["his"].dialect.zone)


def entries(join):
    return {key: value for visit in join.entries.values() for key, value in visit.items()}


def of_emission(emission, number=1):
    """The ready record as the deliver stage reads it."""
    key, value, headers = encode(emission, number)
    return decode(Incoming("visit.ready", 0, number, key, value, tuple(headers), 0))


def view(letter, offset=0):
    key, value, headers = encode_dead_letter(letter)
    return read_dead_letter(Incoming("visit.dead", 0, offset, key, value, tuple(headers), 0))


def tried(join, letter, *, depth=Depth.RENORMALISE, joiner=None):
    """What a dry run says of a letter, and what the join then does: both must be the same."""
    joiner = joiner or joiner_of()
    before = entries(join)
    order = Ordering(joiner.mappings, rows_of(before)).order(view(letter), plan="night", depth=depth)
    if not isinstance(order, Replay):
        return order
    told = Trial(joiner, before, join, now_ms=join.now).tried(order)
    assert before == entries(join), "a trial keeps nothing"
    join.joiner = joiner
    ready, dead = len(join.ready), len(join.dead)
    join.send(replay_value(order, at=join.now))
    assert (told.outcome is Outcome.PASSES, told.outcome is Outcome.FAILS) == (len(join.ready) > ready, len(join.dead) > dead)
    assert told.released == max(0, len(join.ready) - ready - 1)
    return told.outcome


def refused(join):
    """A fee line whose level the dictionary does not have."""
    join.change("h.visit")
    join.change("h.settle")
    join.change("h.charge", level="?")
    (letter,) = join.dead
    return letter


def test_a_letter_of_the_join_passes_once_the_mapping_is_mended(mended):
    """And fails again before."""
    join = Join()
    letter = refused(join)
    assert Outcome.FAILS is tried(join, letter)
    assert Outcome.PASSES is tried(join, letter, joiner=mended('B: "02"', 'B: "02", "?": "03"'))


def test_what_waits_for_it_is_counted(mended):
    """One settlement may hold a thousand lines."""
    join = Join()
    join.change("h.visit", ward="外" * 200)
    join.change("h.settle")
    join.change("h.charge")
    (letter,) = join.dead
    before = entries(join)
    joiner = mended("DEPT_NAME: ward", "DEPT_NAME: {column: ward, truncate: true}")
    order = Ordering(joiner.mappings, rows_of(before)).order(view(letter), plan="night", depth=Depth.RENORMALISE)
    assert (Outcome.PASSES, 2) == Trial(joiner, before, join, now_ms=join.now).tried(order)[::2]


def test_a_letter_whose_row_is_gone_or_right_needs_nothing(mended):
    """Somebody deleted or mended it in the hospital's system."""
    join = Join()
    letter = refused(join)
    join.change("h.charge", "u")
    assert Outcome.UNCHANGED is tried(join, letter)
    join.change("h.charge", "d")
    assert Outcome.GONE is tried(join, letter)


def test_what_the_platform_refused_goes_as_it_is_or_not_at_all():
    """Its row is found by what was handed on for it."""
    join = whole(Join())
    record = of_emission(join.ready[-1])
    letter = rejected(record, Refusing(verdict=None, msgid="m", attempts=1, failed_at=5), topic="visit.ready")
    assert Outcome.UNCHANGED is tried(join, letter)
    assert Outcome.PASSES is tried(join, letter, depth=Depth.RESEND)
    assert Outcome.STALE is tried(join, letter, depth=Depth.RESEND)
    join.change("h.charge", "u", item="头孢")
    assert Outcome.STALE is tried(join, letter, depth=Depth.RESEND)
    assert Outcome.UNKNOWN is tried(Join(), letter, depth=Depth.RESEND)


def test_what_the_join_refuses_today_is_told_once_and_not_with_each_plan(mended):
    """The platform refused it, and today's mapping does, too: a run lets the join tell that, and the next one has nothing to do."""
    join = whole(Join())
    record = of_emission(join.ready[-1])
    letter = rejected(record, Refusing(verdict=None, msgid="m", attempts=1, failed_at=5), topic="visit.ready")
    joiner = mended('A: "01", B: "02"', 'Z: "01"')
    told = []
    for _ in range(2):
        before = entries(join)
        order = Ordering(joiner.mappings, rows_of(before)).order(view(letter), plan="night", depth=Depth.RENORMALISE)
        told.append(Trial(joiner, before, join, now_ms=join.now).tried(order)[::3])
        join.joiner = joiner
        join.send(replay_value(order, at=join.now))
    assert [(Outcome.FAILS, False), (Outcome.FAILS, True)] == told


def test_letters_that_sending_does_not_mend_are_left_out():
    """A withdrawal is told to the platform by a person; what was never refused by the platform cannot be resent."""
    join = whole(Join())
    join.change("h.charge", "d")
    join.tick(after_ms=10**6, source="his")
    withdrawn = [letter for letter in join.dead if letter.dead_class is DeadClass.WITHDRAWN]
    assert [Outcome.EXCLUDED] == [tried(join, letter) for letter in withdrawn]
    large = oversize(of_emission(join.ready[0]), topic="visit.ready", failed_at=5)
    assert Outcome.EXCLUDED is tried(join, large, depth=Depth.RESEND)
    join.send(b"hello")
    assert Outcome.UNKNOWN is tried(join, join.dead[-1])

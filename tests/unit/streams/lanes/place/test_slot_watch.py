"""A hospital's disk that the log fills is told long before; the slot is given up where a site wants it, and by that site alone."""

from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams.lanes.place.kept_log import ALL, Danger, Growth, KeptLog
from streams.lanes.place.slot_watch import SlotPorts, SlotWatch

GIB = 1 << 30
ROOM = 100 * GIB
HOUR = 3600


def outlooks(*seen, room=ROOM):
    """What is told of looks, each a moment in seconds and GiB kept."""
    growth = Growth()
    return [growth.saw(KeptLog(bytes=round(size * GIB), room=room), now) for now, size in seen]


def test_the_time_to_full_is_that_of_the_present_growth():
    """A person who is woken must know whether there are minutes or days."""
    told = outlooks((0, 10), (600, 11), (1200, 12))[-1]
    assert (GIB / 600, 88 * 600) == (told.growth_bytes_s, told.full_in_s)
    assert Danger.GROWING is told.danger


def test_a_disk_that_begins_to_fill_faster_is_told_by_what_it_does_now():
    """The mean of an hour would say tomorrow when it is tonight."""
    slow = [(60 * minute, 6 + minute / 100) for minute in range(30)]
    fast = [(1800 + 60 * minute, 6.3 + 2 * minute) for minute in range(30)]
    assert Danger.NEAR is outlooks(*slow, *fast)[-1].danger


def test_the_coming_and_going_of_an_ordinary_day_is_no_danger():
    """Capture confirms what it read now and then; in between the log grows. An alarm that comes daily is switched off."""
    day = [(30 * step, 0.5 + (step % 7) / 2) for step in range(2880)]
    assert {Danger.NONE} == {told.danger for told in outlooks(*day)}


def test_without_a_bound_ten_gigabytes_are_told():
    """Nobody said how much the disk has, and the server keeps all."""
    assert [Danger.NONE, Danger.GROWING] == [told.danger for told in outlooks((0, 9), (60, 11), room=None)]


@given(st.lists(st.tuples(st.integers(1, 600), st.integers(0, 2 * ROOM)), min_size=1, max_size=60))
def test_what_is_full_is_never_told_less_than_full(steps):
    """Whatever went before: 95 % of the room are 95 % of the room; and a rate is never below zero."""
    growth, now = Growth(), 0
    for wait, size in steps:
        now += wait
        told = growth.saw(KeptLog(bytes=size, room=ROOM), now)
        assert (told.danger is Danger.FULL) == (size >= ALL * ROOM)
        assert told.growth_bytes_s >= 0
        assert told.full_in_s is None or told.full_in_s >= 0


class Database:
    """A server that keeps what a test says, and a clock that is set."""

    def __init__(self, *, gives_up=True, trusted=True):
        self.kept, self.now, self.dropped, self.sticks = None, 0.0, [], 0
        ports = SlotPorts(
            kept_of=self._kept_of, give_up=self._give_up, gives_up=lambda _, kept: gives_up and kept.bytes >= ALL * ROOM
        )
        self.watch = SlotWatch(ports, clock=lambda: self.now, trusted=trusted)

    def _kept_of(self, _source):
        if isinstance(self.kept, Exception):
            raise self.kept
        return self.kept

    def _give_up(self, source, _outlook):
        if self.sticks:
            self.sticks -= 1
            return False
        self.dropped.append(source)
        self.kept = None
        return True

    async def looked(self, *seen):
        """The events, by name, of looks: GiB kept, an exception, or None for no slot; one look in two hours."""
        with capture_logs() as logs:
            for size in seen:
                self.now += 7200
                self.kept = KeptLog(bytes=round(size * GIB), room=ROOM) if isinstance(size, int | float) else size
                await self.watch.look("his")
        return [one["event"] for one in logs]


async def test_a_log_that_grows_is_told_step_by_step_and_its_end_too():
    """Each step once: a line every half a minute would be switched off before the last one."""
    database = Database(gives_up=False)
    assert ["slot_filled", "slot_endangered", "slot_relieved"] == await database.looked(1, 2, 51, 52, 81, 82, 83, 70, 2)


async def test_who_wants_the_disk_gives_up_the_slot_at_the_last_moment_and_not_before():
    """Everything is read again after it: that is dear, and only a full disk of the hospital's is dearer."""
    database = Database()
    assert "slot_dropped" not in await database.looked(51, 81, 94.9)
    assert [] == database.dropped
    assert ["slot_endangered", "slot_dropped"] == await database.looked(95)
    assert ["his"] == database.dropped
    assert [] == await database.looked(None, None)


async def test_one_that_is_taken_again_is_dropped_at_the_next_look():
    """Connect may start the task anew between stop and drop."""
    database = Database()
    database.sticks = 1
    assert ["slot_endangered", "slot_drop_failed", "slot_dropped"] == await database.looked(96, 97)


async def test_a_copy_of_the_sites_file_gives_up_nothing():
    """Before the topics have said whose site it is, whoever started this may hold a copy, and the slot is another's life."""
    database = Database(trusted=False)
    assert ["slot_endangered"] == await database.looked(99, 99)
    database.watch.trusted = True
    assert ["slot_dropped"] == await database.looked(99)


async def test_a_database_that_does_not_answer_is_no_news():
    """Neither danger nor relief; the look-out tells that it is away."""
    database = Database(gives_up=False)
    assert ["slot_filled"] == await database.looked(51, OSError("away"), 52)

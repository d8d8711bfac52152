"""A flood of refusals of one institution is its own: its mapping or its key is at fault, and the others of the partition go on."""

from collections import Counter

from streams.deadletter.record import read_dead_letter
from tests.settings import flood_guard
from tests.unit.streams.lanes.deliver.test_asides import A, B, C, D, Hospitals, site_dead, told

GUARD = flood_guard(min_refused=2, ratio=0.5, in_a_row=0)


class Flooded(Hospitals):
    """The platform refuses each record of some institutions."""

    def __init__(self, *refused, guard=GUARD):
        super().__init__()
        self.guard = guard
        self.refused = refused
        self.large = ""
        """The institution whose records fit into no envelope."""

    def more(self, count):
        for _ in range(count):
            self.written += 1
            institution = (A, B, C, D)[(self.written - 1) % 4]
            value = b'{"x":"%b"}' % (b"x" * 20_000) if institution == self.large else b"{}"
            self.ready(self.written, institution=institution, value=value)
        self.platform.refuses |= {f"{number}" for number in self.all_of(*self.refused)}

    def letters(self):
        return [int(read_dead_letter(message).record_key) for message in self.log.messages(site_dead())]

    def deliver_lane(self, generation=1):
        self.lane = super().deliver_lane(generation)
        return self.lane

    async def as_if_nothing_was(self):
        """A person says that the records are at fault: they become dead letters."""
        self.guard = flood_guard(ratio=1, in_a_row=0)
        return await self.come_in()


async def test_a_flood_in_a_plan_of_the_lane_holds_that_institution_alone():
    """Before any dead letter of it is written, as with a whole lane; it is told what to look for."""
    site = Flooded(A)
    site.more(40)
    logs = await site.pass_by()
    assert (sorted(site.all_of(B, C, D)), [], {A}) == (sorted(site.platform.numbers), site.letters(), set(site.mark.aside))
    assert [] == told(logs, "lane_stopped")
    (entry,) = {entry["institution"]: entry for entry in told(logs, "institution_stopped")}.values()
    assert (A, True) == (entry["institution"], "refused" in entry["why"])
    assert "flood_guard" in entry["remedy"]
    await site.as_if_nothing_was()
    assert (site.all_of(A), site.all_of(B, C, D)) == (sorted(site.letters()), sorted(site.platform.numbers))


async def test_what_was_taken_before_the_flood_and_between_its_refusals_is_taken_once():
    """The one has its receipt, the other is repeated under its msgid."""
    site = Flooded(A)
    site.more(60)
    good = {f"{number}" for number in (*site.all_of(A)[:2], site.all_of(A)[7])}
    site.platform.refuses -= good
    await site.pass_by()
    assert ([], {A}) == (site.letters(), set(site.mark.aside))
    await site.as_if_nothing_was()
    refused = [number for number in site.all_of(A) if f"{number}" not in good]
    assert (refused, {}) == (sorted(site.letters()), Counter(site.platform.numbers) - Counter({*site.platform.numbers}))
    assert sorted({*range(1, 61)} - {*refused}) == sorted(site.platform.numbers)
    assert [] == site.platform.changed_msgids


async def test_what_comes_record_by_record_is_counted_of_each_institution():
    """Those of the others between them would hide that a hospital is emptied into the dead letters. A restart forgets none."""
    site = Flooded(A, guard=flood_guard(min_refused=1000, in_a_row=4))
    for _ in range(3):
        site.more(4)
        await site.pass_by()
    assert ([1, 5, 9], {}) == (sorted(site.letters()), dict(site.mark.aside))
    site.more(4)
    await site.pass_by()
    assert ([1, 5, 9], {A}) == (sorted(site.letters()), set(site.mark.aside))


async def test_a_flood_of_most_institutions_is_no_fault_of_theirs():
    """One mapping for all of them, or the platform: the lane stands before the letters of the third are written."""
    site = Flooded(A, B, C)
    site.more(40)
    logs = await site.run(lambda: site.lane.held, what="the lane standing")
    assert (True, []) == (bool(told(logs, "lane_stopped")), site.letters())
    assert set(site.mark.aside) < {A, B, C}


async def test_where_nobody_else_may_go_on_the_lane_stands_as_ever():
    """As on a site with one institution."""
    site = Flooded(A)
    site.most_aside = 0
    site.more(40)
    logs = await site.run(lambda: site.lane.held, what="the lane standing")
    assert (True, [], {}) == (bool(told(logs, "lane_stopped")), site.letters(), dict(site.mark.aside))


async def test_records_that_fit_into_no_envelope_are_a_flood_of_their_institution_too():
    """They become letters before anything is posted, and would all be gone before somebody looks."""
    site = Flooded()
    site.large = A
    site.more(40)
    await site.pass_by()
    assert (sorted(site.all_of(B, C, D)), [], {A}) == (sorted(site.platform.numbers), site.letters(), set(site.mark.aside))
    await site.as_if_nothing_was()
    assert (site.all_of(A), site.all_of(B, C, D)) == (sorted(site.letters()), sorted(site.platform.numbers))

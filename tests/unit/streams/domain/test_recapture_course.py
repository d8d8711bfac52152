"""A row that changes, is read again for its letter and is gone, in any order, while whoever reads or places it is killed."""

from itertools import pairwise

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.domain.closings import letter_id
from tests.unit.streams.domain.recapture_rig import nowhere


class Playing:
    """One row of a database, its letter, and whoever reads it again."""

    def __init__(self):
        self.site, self.letter = nowhere()
        self.row, self.ward, self.came_at, self.readings = {"visit_id": None}, 0, 0, {}

    def came(self, op, *, at=None, before=None, **columns):
        self.site.change("m.register", op, at=at, before=before, **columns)
        self.came_at = self.site.offset

    def insert(self):
        if self.row is None:
            self.row = {"visit_id": "V1"}
            self.came("c", **self.row)

    def update(self, visit="V1"):
        if self.row is not None:
            self.ward += 1
            before, self.row = self.row, {"ward": f"{self.ward}", "visit_id": visit}
            self.came("u", before=before, **self.row)

    def unplace(self):
        self.update(None)

    def delete(self):
        if self.row is not None:
            self.came("d", **self.row)
            self.row = None

    def repeat(self):
        if self.row is not None and self.row["visit_id"]:
            self.came("u", at=self.site.place, before=self.row, **self.row)

    def ask(self, who="a"):
        """A runner that was killed asks again."""
        self.readings[who] = self.site.offset, f"{who}{self.site.offset}"
        self.site.asks("m.register", self.letter, reading=self.readings[who][1])

    def other_asks(self):
        self.ask("b")

    def read(self):
        """By an order of whoever asked, also of one who was killed."""
        if self.readings and self.row is not None:
            self.site.read("m.register", **self.row)
            self.came_at = self.site.offset

    def over(self, who="a"):
        """Said only where the row came into the topic, or is not in the database."""
        asked_at, reading = self.readings.get(who, (self.site.offset, ""))
        if reading and (self.row is None or self.came_at > asked_at):
            was = self.site.closings(self.letter).count("gone")
            self.site.is_over("m.register", self.letter, reading=reading)
            assert self.row is None or was == self.site.closings(self.letter).count("gone")
            del self.readings[who]

    def other_is_over(self):
        self.over("b")

    def take_over(self):
        self.site.take_over()


ACTS = st.lists(
    st.sampled_from(
        ["insert", "update", "unplace", "delete", "repeat", "ask", "read", "over", "take_over", "other_asks", "other_is_over"]
    ),
    max_size=16,
)


@settings(max_examples=250, deadline=None)
@given(acts=ACTS)
def test_nothing_goes_twice_or_older_and_no_letter_of_a_row_that_is_there_is_closed_as_gone(acts):
    """In whatever order the row changes, is read, and its reading ends; whoever places or reads it is killed, or two read it."""
    playing = Playing()
    for act in [*acts, "ask", "read", "over"]:
        getattr(playing, act)()
    join, row = playing.site.join, playing.row
    contents = [one.record.content_hash for one in join.ready]
    assert all(one != other for one, other in pairwise(contents)) or "delete" in acts
    if row is not None and row["visit_id"]:
        assert row.get("ward", "内科") == orjson.loads(join.ready[-1].record.value)["ADM_DEPT_NAME"]
    assert playing.letter not in {letter_id(one) for one in join.open()}

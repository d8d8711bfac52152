"""What happened, in the order in which it happened: also within one millisecond, and from the tenth message on."""

from streams.explain.standing import standings
from streams.explain.subject import Keys, RowName, Subject
from streams.spec.fields import ServiceCode
from tests.unit.streams.domain.join.join_rig import HOSPITAL, mappings
from tests.unit.streams.explain.in_memory import Logs
from tests.unit.streams.explain.test_standing import LINE, Identity, held, ready, timeline


def test_messages_of_one_moment_stand_in_the_order_of_their_offsets():
    """As text, offset 10 comes before 9: a correction stood before what it corrects, and the older version looked like the last."""
    written = [ready(number)._replace(offset=number) for number in (8, 9, 10, 11, 100)]
    at = min(one.timestamp_ms for one in written)
    same = [one._replace(timestamp_ms=at) for one in written]
    found = Logs([held()], [], same, [], []).evidence(b"V1")
    subject = Subject(Keys(mappings()), rows=[LINE], records=[Identity(HOSPITAL, ServiceCode.FEE, "C1")])
    made = [event for event in timeline(found, subject) if event.stage == "join"]
    assert {at} == {event.at for event in made}
    assert ["8", "9", "10", "11", "100"] == [event.where.rsplit("/")[-1] for event in made]


def test_rows_stand_as_people_count_them():
    """Line 10 of a bill is looked for behind line 9."""
    keys = [("10",), ("9",), ("2", "b"), ("2", "a"), ("x1",)]
    rows = [RowName(LINE.source, LINE.table, key) for key in keys]
    state = [held(key=key)._replace(offset=place) for place, key in enumerate(keys)]
    found = Logs(state, [], [], [], []).evidence(b"V1")
    shown = [one.of for one in standings(found, Subject(Keys(mappings(), clear=True), rows=rows))]
    assert ["x1", "2/a", "2/b", "9", "10"] == [one.removeprefix(f"{LINE.table}/") for one in shown]

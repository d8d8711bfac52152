"""What waits for a refused parent is read as the version left it that wrote it first."""

import json
from pathlib import Path

import pytest

from streams.lanes.deliver import orphan_entries as entries
from streams.lanes.ports import TopicPartition

GOLDEN = Path(__file__).parent / "golden"
READY = TopicPartition("visit.ready", 3)


def each(name):
    """One test for each thing in this file."""
    found = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return pytest.mark.parametrize("one", [pytest.param(one, id=one["name"]) for one in found])


@each("orphan_entries_v1")
def test_an_orphan_entry_is_read_and_written(one):
    """A record stands there and nowhere else until it is posted: unread, it is lost."""
    key, value = one["key"].encode(), one["value"].encode()
    if not entries.is_waiting(key):
        identity, visit_key = entries.read_refused(key, value)
        assert one["means"] == [*identity, visit_key.decode()]
        assert (key, value) == (entries.key_of_refused(identity), entries.refused_value(visit_key))
        return
    record = entries.read_waiting(value, READY)
    told = record._asdict()
    assert one["means"] == {name: told[name] for name in one["means"]}
    assert one["record"] == record.value.decode()
    assert (key, value) == (entries.key_of_waiting(record.number), entries.waiting_value(record))

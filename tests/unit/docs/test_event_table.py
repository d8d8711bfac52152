"""The page for who is on call lists every log event that it can meet, and none that it cannot."""

import re
from pathlib import Path

import pytest

from tests.unit.docs.events_in_code import CHECKOUT, events

PAGE = (CHECKOUT / "docs" / "operations.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (error|warning|info) \|([^|]*)\|([^|]*)\|$", re.MULTILINE)
PAST = re.compile(r"(ed|held|lost|seen|caught)$")
CALLS = list(events())


@pytest.fixture(scope="module")
def table():
    """Level and fields by event."""
    rows = ROW.findall(PAGE)
    assert len(rows) == len({name for name, *_ in rows}), "each event has one row"
    return {name: (level, set(re.findall(r"`(\w+)`", fields))) for name, level, fields, _ in rows}


def test_the_table_and_the_code_know_the_same_events(table):
    """An alert on a name that is written nowhere never fires; an event without a row wakes somebody who knows nothing."""
    assert table.keys() == {call.name for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.name}")
def test_an_event_has_the_level_and_the_fields_of_its_row(table, call):
    """Filters and alerts are written from the table."""
    level, fields = table[call.name]
    assert (level, fields) == (call.level, call.fields - {"*"}), call.place


def test_an_event_is_named_by_one_constant_word_in_the_past():
    """A name that is put together is found by nobody; a lane that "stands" may have gone on since."""
    assert [] == [call.place for call in CALLS if call.name is None]
    assert {"progress"} == {call.name for call in CALLS if not PAST.search(call.name)}, "a sign of life, which did not happen once"


def test_no_page_speaks_of_an_event_that_is_not_there(table):
    """A page that is read at night must name what stands in the log."""
    prefixes = "lane|breaker|brokers|worker|watch|tick|lookups?|hole|state_copy|supervisor|person"
    named = {
        (page.name, name)
        for page in Path(CHECKOUT / "docs").glob("*.md")
        for name in re.findall(rf"`((?:{prefixes})_[a-z_]+)`", page.read_text(encoding="utf-8"))
    }
    assert named
    settings = ("_s", "_days")
    assert [] == sorted((page, name) for page, name in named if name not in table and not name.endswith(settings))

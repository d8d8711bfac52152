"""What was told of a row whose table the mapping does not have any more, or that is another source's: state outlives mappings."""

from dataclasses import replace

import pytest

from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from tests.oracle.flow import compiled
from tests.unit.streams.domain.join.join_rig import DAY_MS, LIMITS, Join, mappings, whole

DELETED = "WITHDRAWN DELETED_AFTER_REPORT"
PATIENT = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=10_000))


def without(known, source, table):
    """The join after a table was taken out of the mapping."""
    tables = {name: rule for name, rule in known[source].tables.items() if name != table}
    changed = {**known, source: replace(known[source], tables=tables, colliding=known[source].colliding - {table})}
    return Joiner(changed, PATIENT, zone=changed["his"].dialect.zone)


@pytest.mark.parametrize("moves", [False, True])
def test_a_deletion_is_told_after_its_table_left_the_mapping(moves):
    """It was deleted before, in whatever table it stood. The worker must not end with it, over and over."""
    known = compiled(moves=moves)
    join = Join(limits=PATIENT, joiner=Joiner(known, PATIENT, zone=known["his"].dialect.zone))
    for table in ("m.register", "m.bill", "m.item"):
        join.change(table)
    join.change("m.item", "d", tx=7)
    join.joiner = without(known, "many", "m.item")
    for _ in range(2):
        join.tick(after_ms=DAY_MS)
    assert [DELETED] == join.letters()
    assert {"key", "visit_key", "record_key"} == join.dead[0].row.personal  # nobody knows any more what of it may be shown


def test_a_record_that_comes_in_another_table_closes_what_was_told_of_one_that_left_the_mapping():
    """The hospital's new version has another table for its lines."""
    known = compiled()
    join = Join(limits=PATIENT, joiner=Joiner(known, PATIENT, zone=known["his"].dialect.zone))
    for table in ("m.register", "m.bill", "m.item"):
        join.change(table)
    join.change("m.item", "d", tx=7)
    join.tick(after_ms=DAY_MS)
    join.joiner = without(known, "many", "m.item")
    join.change("m.named_item")
    assert ([DELETED], ["DELETED_AFTER_REPORT I1"]) == (join.letters(), join.closed())
    assert "fee_list_d I1" == join.reported()[-1]
    told, closed = join.dead
    assert told.identity == closed.identity


@pytest.mark.parametrize("told", [False, True])
def test_a_record_of_one_source_that_another_source_reports_in_its_visit_is_the_same_one(told):
    """Two systems of one institution, of which the second takes over: a worker ended at its first row, and began anew with it."""
    join = whole(Join(limits=PATIENT, joiner=Joiner(mappings(), PATIENT, zone=mappings()["his"].dialect.zone)))
    for table in ("m.register", "m.bill"):
        join.change(table)
    join.change("h.charge", "d", tx=7)
    if told:
        join.tick(after_ms=DAY_MS)
    join.change("m.item", item_id="C1")
    join.tick(after_ms=DAY_MS)
    assert "fee_list_d C1" == join.reported()[-1]
    assert (([DELETED], ["DELETED_AFTER_REPORT C1"]) if told else ([], [])) == (join.letters(), join.closed())

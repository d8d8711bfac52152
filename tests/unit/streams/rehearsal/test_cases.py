"""Cases of the join's small site: what happens in its database, and what must come of it."""

from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from streams.errors import Misconfigured
from streams.fold_wiring import joiner_of, placer_of
from streams.lane_wiring import lookup_tables
from streams.mapping import load_site
from streams.mapping.settled import Settled, Through
from streams.mapping.tables import Table
from streams.rehearsal.case import Case
from streams.rehearsal.covered import covered
from streams.rehearsal.stages import PARTITIONS, Rehearsal
from streams.rehearsal.verdict import differences
from tests.unit.streams.domain.join.join_rig import CHARGE, PATIENT, SETTLE, SITE, VISIT

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROWS = {"h.patient": PATIENT, "h.visit": VISIT, "h.settle": SETTLE, "h.charge": CHARGE}
REPORTED = [
    {"service": "mdtrt_d", "key": "V1", "institution": "H36110200001"},
    {"service": "setl_d", "key": "S1", "fields": {"MEDFEE_SUMAMT": "20.00", "ACCT_PAY": "0.00"}},
    {"service": "fee_list_d", "key": "C1", "fields": {"CNT": "2.0000", "MEMO": ""}},
]


@pytest.fixture(scope="module")
def site():
    return load_site(SITE)


def insert(table, **other):
    return {"insert": {"table": table, "row": {**ROWS[table], **other}}}


def case_of(*happens, reported=REPORTED, letters=(), waits=()):
    words = {"case": "one visit", "at": "2024-05-03 09:00:00", "happens": happens, "reported": reported}
    return Case.model_validate({**words, "letters": letters, "waits": waits})


def played(site, case):
    stages = placer_of(site, partitions=PARTITIONS), joiner_of(site), lookup_tables(site)
    return Rehearsal(site, *stages).run(case, SHANGHAI)


def found(site, *happens, **must):
    case = case_of(*happens, **must)
    return differences(case, played(site, case))


@pytest.mark.parametrize("order", [*permutations(ROWS)])
def test_a_visit_is_reported_whole_in_whatever_order_its_rows_come(site, order):
    """Lookups among them; each row is a transaction of its own, a minute after the last one."""
    assert [] == found(site, *map(insert, order))
    assert [] == found(site, {"together": [*map(insert, order)]})


def test_a_table_that_is_emptied_takes_back_what_was_reported_of_it(site):
    """One letter that it was, and one that counts what nothing backs any more."""
    rows = [insert(table) for table in ROWS]
    emptied = {"truncate": {"table": "h.charge"}}
    outcome = played(site, case_of(*rows, insert("h.charge", charge_id="C2"), emptied))
    assert ["TRUNCATE", "TRUNCATE_COUNTED"] == [one.rule for one in outcome.letters.values()]
    assert "有 2 条已上报的记录不再有数据行" in [*outcome.letters.values()][-1].message
    again = played(site, case_of(*rows, emptied, insert("h.charge", charge_id="C3")))
    assert "C3" in {one.record.key for one in again.ready}


def test_an_emptied_lookup_answers_nobody(site):
    emptied = {"truncate": {"table": "h.patient"}}
    late = played(site, case_of(insert("h.patient"), emptied, insert("h.visit")))
    assert [("h.visit", "lookup patient")] == [(one.table, one.part) for one in late.waiting]


def test_versions_of_a_record_are_in_their_order(site):
    """A corrected line is reported again."""
    more = {"update": {"table": "h.charge", "row": {"charge_id": "C1", "item": "头孢"}}}
    versions = [*REPORTED, {"service": "fee_list_d", "key": "C1", "fields": {"MEDINS_LIST_NAME": "头孢"}}]
    assert [] == found(site, *map(insert, ROWS), more, reported=versions)
    (missing,) = found(site, *map(insert, ROWS), reported=versions)
    assert ("fee_list_d C1, version 2", "", "reported", "") == missing


@pytest.mark.parametrize(
    ("otherwise", "difference"),
    [
        ({"reported": REPORTED[:2]}, ("fee_list_d C1", "", "", "reported")),
        ({"reported": [*REPORTED, {"service": "setl_d", "key": "S2"}]}, ("setl_d S2", "", "reported", "")),
        ({"reported": [*REPORTED[:2], REPORTED[2] | {"fields": {"CNT": "3"}}]}, ("fee_list_d C1", "CNT", "3", "2.0000")),
        ({"reported": [*REPORTED[:2], REPORTED[2] | {"fields": {"MEMO": "x"}}]}, ("fee_list_d C1", "MEMO", "x", "")),
        (
            {"reported": [REPORTED[0] | {"institution": "P36110200002"}, *REPORTED[1:]]},
            ("mdtrt_d V1", "institution", "P36110200002", "H36110200001"),
        ),
        (
            {"letters": [{"class": "WITHDRAWN", "table": "h.charge", "key": "C1"}]},
            ("letter of h.charge C1", "", "WITHDRAWN", ""),
        ),
        ({"waits": [{"table": "h.charge", "key": "C1", "for": "visit"}]}, ("wait of h.charge C1", "", "visit", "")),
    ],
)
def test_what_is_not_as_the_case_says_is_named(site, otherwise, difference):
    """Each kind of it, alone."""
    assert [difference] == found(site, *map(insert, ROWS), **otherwise)


def test_a_value_of_a_person_is_masked_in_a_difference(site):
    """Differences end up in logs of CI."""
    wrong = [REPORTED[0] | {"fields": {"PSN_NAME": "张小明", "CERTNO": "110105194912310021"}}, *REPORTED[1:]]
    name, number = found(site, *map(insert, ROWS), reported=wrong)
    assert ("PSN_NAME", "张**", "王**") == name[1:]
    assert "19491231" not in f"{number}"


def test_what_waits_is_said_and_is_given_up_when_its_time_is_over(site):
    """A line whose settlement does not come."""
    happens = [insert("h.patient"), insert("h.visit"), insert("h.charge")]
    waits = [{"table": "h.charge", "key": "C1", "for": "settlement"}]
    assert [] == found(site, *happens, reported=REPORTED[:1], waits=waits)
    (other,) = found(site, *happens, reported=REPORTED[:1], waits=[waits[0] | {"for": "visit"}])
    assert ("wait of h.charge C1", "", "visit", "settlement") == other
    letters = [{"class": "JOIN_INCOMPLETE", "table": "h.charge", "key": "C1"}]
    assert [] == found(site, *happens, {"later": "60d"}, reported=REPORTED[:1], letters=letters)
    (unforeseen,) = found(site, *happens, {"later": "60d"}, reported=REPORTED[:1])
    assert unforeseen.found.startswith("JOIN_INCOMPLETE ")


def test_a_letter_that_closes_itself_is_none_at_the_end(site):
    """A refused line that is corrected; and one that is withdrawn."""
    wrong = insert("h.charge", level="X")
    refused = [{"class": "DICTIONARY", "rule": "DICTIONARY", "table": "h.charge", "key": "C1"}]
    others = [insert(table) for table in ROWS if table != "h.charge"]
    assert [] == found(site, *others, wrong, reported=REPORTED[:2], letters=refused)
    mended = {"update": {"table": "h.charge", "row": {"charge_id": "C1", "level": "A"}}}
    assert [] == found(site, *others, wrong, mended)
    gone = {"delete": {"table": "h.charge", "row": {"charge_id": "C1"}}}
    assert [] == found(site, *others, wrong, mended, gone, letters=[{"class": "WITHDRAWN", "table": "h.charge", "key": "C1"}])
    (other,) = found(site, *others, wrong, reported=REPORTED[:2], letters=[refused[0] | {"rule": "R12"}])
    assert ("DICTIONARY R12", "DICTIONARY DICTIONARY") == other[2:]


def with_tables(site, change, *more):
    """The site with other tables of its first source. more: tables that are added."""
    his = site.mappings["his"]
    tables = (*(one.model_copy(update=change.get(one.table, {})) for one in his.tables), *map(Table.model_validate, more))
    return site.model_copy(update={"mappings": {**site.mappings, "his": his.model_copy(update={"tables": tables})}})


@pytest.mark.parametrize("order", [*permutations(["h.charge", "h.settle", "h.link"])])
def test_a_line_finds_its_settlement_through_a_table_between_them(site, order):
    """In whatever order the three rows come."""
    through = Settled(through=Through(table="h.link", line="charge_id", settlement="settle_no"))
    link = {"table": "h.link", "role": "link", "key": ["charge_id"]}
    linked = with_tables(site, {"h.charge": {"settlement": through}}, link)
    row = {"insert": {"table": "h.link", "row": {"charge_id": "C1", "settle_no": "S1"}}}
    happens = [insert("h.patient"), insert("h.visit"), *(row if table == "h.link" else insert(table) for table in order)]
    assert [] == found(linked, *happens)
    waits = [{"table": "h.charge", "key": "C1", "for": "unsettled"}]
    assert [] == found(linked, *(one for one in happens if one is not row), reported=REPORTED[:2], waits=waits)


def test_rows_under_a_header_go_where_it_is_and_wait_for_it(site):
    """Lines that know only their prescription."""
    header = {"table": "h.rx", "role": "header", "key": ["rx_no", "part"], "visit_key": "visit_id"}
    under = {"visit_key": None, "under": "h.rx", "header": ("settle_no", "level")}
    headed = with_tables(site, {"h.charge": under}, header)
    row = {"insert": {"table": "h.rx", "row": {"rx_no": "S1", "part": "A", "visit_id": "V1"}}}
    others = [insert(table) for table in ROWS]
    assert [] == found(headed, *others, row)
    assert [] == found(headed, row, *others)
    waits = [{"table": "h.charge", "key": "C1", "for": "header"}]
    assert [] == found(headed, *others, reported=REPORTED[:2], waits=waits)
    letters = [{"class": "JOIN_INCOMPLETE", "rule": "MISSING_HEADER", "table": "h.charge", "key": "C1"}]
    assert [] == found(headed, *others, {"later": "1d"}, reported=REPORTED[:2], letters=letters)


def test_of_several_lookup_rows_the_latest_counts(site):
    """Whichever comes last."""
    change = {"h.patient": {"key": ("cert_no",), "named_by": ("patient_id",), "latest": "name"}}
    latest = with_tables(site, change)
    happens = [insert("h.patient"), insert("h.patient", cert_no="110105194912310021", name="王"), insert("h.visit")]
    reported = [REPORTED[0] | {"fields": {"CERTNO": PATIENT["cert_no"]}}]
    assert [] == found(latest, *happens, reported=reported)
    assert [] == found(latest, *reversed(happens[:2]), happens[2], reported=reported)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({"insert": {"table": "h.vist", "row": {"visit_id": "V1"}}}, "h.vist is no table that the mapping names"),
        ({"insert": {"table": "h.visit", "source": "clinic", "row": {"visit_id": "V1"}}}, "no table of source clinic"),
        ({"insert": {"table": "h.visit", "row": {"visit_id": "V3", "wrad": "x"}}}, "reads no column `wrad` of h.visit"),
        ({"insert": {"table": "h.visit", "row": {"org": "H"}}}, "needs its key, and has no `visit_id`"),
        ({"update": {"table": "h.visit", "row": {"visit_id": "V2"}}}, "with visit_id V2 is not there"),
        ({"delete": {"table": "h.visit", "row": {"visit_id": "V2"}}}, "with visit_id V2 is not there"),
        ({"insert": {"table": "h.visit", "row": {"visit_id": "V1"}}}, "with visit_id V1 is there already"),
    ],
)
def test_what_no_database_would_do_is_refused(site, step, says):
    """A case with a slip of the pen would otherwise prove something else."""
    with pytest.raises(Misconfigured, match=says):
        played(site, case_of(insert("h.visit"), step))


@pytest.mark.parametrize("step", [{}, {"later": "1h", "delete": {"table": "h.visit", "row": {"visit_id": "V1"}}}, {"later": "0h"}])
def test_a_step_is_exactly_one_thing(step):
    """Two in one would leave their order open."""
    with pytest.raises(ValueError, match=r"needs exactly one of|must be a number"):
        case_of(step)


@pytest.mark.parametrize("at", ["2024-05-03T09:00:00Z", "yesterday", "09:00"])
def test_the_beginning_is_a_moment_of_the_sites_own_clock(at):
    """A zone in it would be a second one."""
    with pytest.raises(ValueError, match="a date and a time without a zone"):
        Case.model_validate({"case": "c", "at": at, "happens": [{"later": "1h"}]})


def test_what_no_case_uses_is_named(site):
    """By table and by field."""
    case = case_of(*map(insert, ROWS))
    of = {(one.source, one.part): one for one in covered(site, [(case, played(site, case))])}
    assert (4, ()) == of["his", "tables"][2:]
    assert "ADDR" in of["his", "mdtrt_d"].unused
    assert "TEL" not in of["his", "mdtrt_d"].unused
    assert ("c.settle", "c.charge") == of["clinic", "tables"].unused
    nothing = case_of(insert("h.patient"), reported=())
    lines = next(one for one in covered(site, [(nothing, played(site, nothing))]) if one.part == "fee_list_d")
    assert (0, (*site.mappings["his"].records.of("fee_list_d").fields,)) == lines[2:]


def test_a_bill_that_is_visit_and_settlement_is_reported_as_both_and_told_of_as_both(site):
    """One row; its line hangs on both of its records. Deleted, each record is told of by its own letter."""
    mapping = site.mappings["his"]
    visit, _, line, patient = mapping.tables
    words = {"table": "h.visit", "roles": ["visit", "settlement"], "key": ["visit_id"], "visit_key": "visit_id"}
    bill = Table.model_validate(words | {"fields": {"SETL_ID": "visit_id"}})
    other = mapping.model_copy(update={"tables": (*bill.apart(), line.model_copy(update={"settlement": None}), patient)})
    both = site.model_copy(update={"mappings": {**site.mappings, "his": other}})
    paid = {name: SETTLE[name] for name in ("total", "settled_at", "paid_by")}
    happens = [insert("h.charge"), insert("h.visit", **paid), insert("h.patient")]
    reported = [REPORTED[0], {"service": "setl_d", "key": "V1"}, REPORTED[2]]
    assert visit.table == bill.table
    assert [] == found(both, *happens, reported=reported)
    gone = {"delete": {"table": "h.visit", "row": {"visit_id": "V1"}}}
    letters = [{"class": "WITHDRAWN", "table": table, "key": "V1"} for table in ("h.visit", "h.visit.settlement")]
    waits = [{"table": "h.charge", "key": "C1", "for": "unsettled"}]
    assert [] == found(both, *happens, gone, {"later": "1h"}, reported=reported, letters=letters, waits=waits)

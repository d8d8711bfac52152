"""Tables of one role that differ: fields of their own, and what stands before their numbers."""

import orjson
import pytest

from streams.domain.normalise.claiming import claim_of
from streams.domain.normalise.record import normalise, record_key
from streams.domain.place.record_names import record_names
from streams.domain.records import Record, Refusal, SourceRows
from streams.mapping import capture_sources, compile_site
from streams.spec.fields import ServiceCode
from tests.unit.streams.mapping.test_formulas import CASES, TODAY, Patients
from tests.unit.streams.mapping.test_links import FEE, LINE, RX, load

__all__ = ["load"]

WARD = FEE.replace("his.charge", "his.ward_charge").replace("charge_id", "id")
OWN = WARD.replace("}", ", fields: {BKKP_SN: id, CNT: {column: days, default: 1}}}")
PREFIXED = WARD.replace("}", ", fields: {BKKP_SN: id}, record_prefix: W-}")
STAY = "  - {table: his.ward, role: visit, key: [visit_id], visit_key: visit_id, prefix: W-, record_prefix: W-}\n"
VISIT, SETTLE = "his.visit", "his.settle"


def made(site, service, tables, **columns):
    """The record of rows of these tables; columns: of its own row."""
    (mapping,) = compile_site(site).values()
    own = {"mdtrt_d": "visit", "setl_d": "settlement", "fee_list_d": "fee"}[service]
    rows = {role: {**CASES["rows"][role], **(columns if role == own else {})} for role in ("visit", "settlement", "fee")}
    return normalise(mapping, ServiceCode(service), SourceRows(**rows, tables=tables), Patients(), today=TODAY)


def values(site, service, tables, **columns):
    record = made(site, service, tables, **columns)
    assert isinstance(record, Record), record
    return orjson.loads(record.value)


def test_a_table_has_fields_of_its_own(load):
    """Wards charge by the day, and count their lines apart; the rest is as in the other table."""
    site = load(FEE + OWN)
    ward = values(site, "fee_list_d", (VISIT, SETTLE, "his.ward_charge"), id="9", days="3", amount="18.51")
    other = values(site, "fee_list_d", (VISIT, SETTLE, "his.charge"), id="9", days="3")
    assert ("9", "3.0000") == (ward["BKKP_SN"], ward["CNT"])
    assert CASES["rows"]["fee"]["charge_id"] == other["BKKP_SN"]
    assert {"BKKP_SN", "CNT", "DET_ITEM_FEE_SUMAMT"} == {name for name in ward if ward[name] != other.get(name)}
    assert "1.0000" == values(site, "fee_list_d", (VISIT, SETTLE, "his.ward_charge"), id="9", amount="6.17")["CNT"]


def test_a_fault_of_such_a_field_refuses_the_record_of_its_table_alone(load):
    """It is the table's own conversion that does not fit."""
    site = load(FEE + OWN)
    refused = made(site, "fee_list_d", (VISIT, SETTLE, "his.ward_charge"), id="9", days="three")
    assert isinstance(refused, Refusal)
    assert {"CNT"} == {one.field for one in refused.violations}
    assert isinstance(made(site, "fee_list_d", (VISIT, SETTLE, "his.charge"), days="three"), Record)


def test_each_table_is_captured_with_what_its_own_records_read(load):
    """A column that another source replaces need not be there: captured, it would be missed in the catalogue."""
    captured = {table.name: {*table.columns} for table in capture_sources(load(FEE + OWN))[0].tables}
    assert {"days", "id"} <= captured["his.ward_charge"]
    assert not {"quantity", "charge_id"} & captured["his.ward_charge"]
    assert {"days", "id"} & captured["his.charge"] == set()


def test_a_table_need_not_have_what_only_lines_with_another_prefix_read_of_it(load):
    """Outpatients' lines never belong to a visit of the wards, so that a ward has none of the outpatients' columns, and the other
    way round: captured, they would be missed in the catalogue, and two systems of one hospital could not be reported.
    """
    ward = WARD.replace("}", ", prefix: W-, record_prefix: W-, fields: {BKKP_SN: id, RX_DRORD_NO: {column: bed, of: visit}}}")
    rest = LINE.replace("his.charge", "his.ward_rest").replace("else: visit_id", "fields: {MEMO: {column: nurse, of: visit}}")
    order = "  - {table: his.rx, role: header, key: [org, rx_no], visit_key: visit_id, prefix: W-}\n"
    charge = FEE.replace("}", ", fields: {RX_DRORD_NO: {column: desk, of: visit}, CHRGITM_LV: {column: till, of: settlement}}}")
    site = load(charge + ward + rest.replace("MEMO", "RX_DRORD_NO") + order + STAY)
    captured = {table.name: {*table.columns} for table in capture_sources(site)[0].tables}
    assert {"desk"} == captured["his.visit"] & {"desk", "bed", "nurse", "till"}
    assert {"bed", "nurse"} == captured["his.ward"] & {"desk", "bed", "nurse", "till"}
    assert {"till"} == captured["his.settle"] & {"desk", "bed", "nurse", "till"}
    other = load(charge + ward.replace("prefix: W-, ", "", 1) + STAY)
    captured = {table.name: {*table.columns} for table in capture_sources(other)[0].tables}
    assert {"desk", "bed"} == captured["his.visit"] & {"desk", "bed"}
    assert not captured["his.ward"] & {"desk", "bed"}


def test_a_table_takes_of_its_header_what_its_own_fields_read(load):
    """And no other table under that header carries it."""
    line = LINE.replace("}", ", fields: {RX_DRORD_NO: {column: paper_no, of: header}}}")
    other = LINE.replace("his.charge", "his.charge_of_year")
    (mapping,) = compile_site(load(line + other + RX)).values()
    assert "header.paper_no" in mapping.tables["his.charge"].columns
    assert "header.paper_no" not in mapping.tables["his.charge_of_year"].columns


def test_numbers_that_are_reported_have_their_prefix_wherever_they_stand(load):
    """A line that named 7 instead of W-7 as its settlement would hang under another patient's."""
    stay = STAY + STAY.replace("his.ward", "his.bill").replace("role: visit", "role: settlement").replace("visit_id]", "settle_no]")
    site = load(FEE + PREFIXED + stay)
    of_ward = ("his.ward", "his.bill", "his.ward_charge")
    visit = CASES["rows"]["visit"]["visit_id"]
    assert f"W-{visit}" == values(site, "mdtrt_d", of_ward)["MDTRT_ID"]
    settlement = values(site, "setl_d", of_ward)
    assert (f"W-{visit}", "W-S1") == (settlement["MDTRT_ID"], settlement["SETL_ID"])
    line = values(site, "fee_list_d", of_ward, id="9")
    assert (f"W-{visit}", "W-S1", "W-9") == (line["MDTRT_ID"], line["SETL_ID"], line["BKKP_SN"])
    plain = values(site, "fee_list_d", (VISIT, SETTLE, "his.charge"))
    assert (visit, "S1", CASES["rows"]["fee"]["charge_id"]) == (plain["MDTRT_ID"], plain["SETL_ID"], plain["BKKP_SN"])


def test_a_number_whose_row_is_not_there_is_refused_where_tables_differ(load):
    """A pharmacy's lines need no visit: which of two visits with its number is meant is not guessed."""
    site = load(FEE + STAY)
    refused = made(site, "fee_list_d", ("", SETTLE, "his.charge"))
    assert isinstance(refused, Refusal)
    assert {("MDTRT_ID", "MAPPING")} == {(one.field, one.rule) for one in refused.violations}
    same = load(FEE, ("visit_key: visit_id}", "visit_key: visit_id, record_prefix: V-}"))
    assert values(same, "fee_list_d", ("", SETTLE, "his.charge"))["MDTRT_ID"].startswith("V-")


def test_a_number_that_is_too_long_with_its_prefix_is_refused(load):
    """It is never cut: the beginnings of two numbers may be the same."""
    site = load(FEE + PREFIXED)
    assert "W-" + 28 * "9" == values(site, "fee_list_d", (VISIT, SETTLE, "his.ward_charge"), id=28 * "9")["BKKP_SN"]
    refused = made(site, "fee_list_d", (VISIT, SETTLE, "his.ward_charge"), id=29 * "9")
    assert isinstance(refused, Refusal)
    assert {"BKKP_SN"} == {one.field for one in refused.violations}


def test_what_a_row_claims_is_known_with_its_prefix_before_its_visit_is(load):
    """Place and join must mean one record by one name: else two lines of one number were told as colliding, or were not."""
    (mapping,) = compile_site(load(FEE + PREFIXED)).values()
    names, row = record_names({"his": mapping}), {"id": "7", "charge_id": "7", "org": "01"}
    claims = {}
    for name in ("his.charge", "his.ward_charge"):
        claim = claim_of(mapping, mapping.tables[name])
        assert claim is not None
        claims[name] = claim.of(row)
        _, institution, number = names["his", name].of(row)
        assert claims[name].endswith(f"{institution}/{number}")
    assert {"his.charge": "7", "his.ward_charge": "W-7"} == {name: claim.rpartition("/")[2] for name, claim in claims.items()}
    rows = SourceRows(fee=row, tables=("", "", "his.ward_charge"))
    assert "W-7" == record_key(mapping, ServiceCode.FEE, rows, Patients())
    assert {"id", "org"} == {*claim_of(mapping, mapping.tables["his.ward_charge"]).columns}


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (OWN.replace("CNT", "CMT"), "tables[2].fields.CMT: is no field of fee_list_d (did you mean `CNT`?)"),
        (OWN.replace("default: 1", "dictionary: sx"), "tables[2].fields.CNT.dictionary: `sx` is no dictionary of this file"),
        (OWN.replace("default: 1", "of: header"), "tables[2].fields.CNT.of: `his.ward_charge` hangs under no header (`under`)"),
        (OWN.replace("default: 1", "default: x"), "tables[2].fields.CNT: its constant or default does not fit"),
        (FEE + STAY.replace("}", ", kind: {constant: inpatiend}}"), "tables[3].kind: `inpatiend` is no kind of care"),
        (FEE.replace("}", ", kind: {constant: inpatient}}"), "only a visit table has `kind`"),
        (FEE + WARD, "tables[3]: BKKP_SN must be the key of `his.ward_charge` (id) as it stands"),
        (FEE + WARD, "write it for this table: `fields: {BKKP_SN: id}`"),
        (FEE + OWN.replace("BKKP_SN: id", "BKKP_SN: no"), "tables[3].fields.BKKP_SN: must be the key of `his.ward_charge` (id)"),
        (FEE + STAY.replace("record_prefix", "record_prefx"), "(did you mean `record_prefix`?)"),
        (FEE + STAY.replace("W-}", "a/b}"), "record_prefix: must be at most 20 letters"),
        (FEE + PREFIXED + PREFIXED.replace("ward_ch", "room_ch").replace("W-", "W-1"), "`W-1` begins with `W-` of another table"),
        (FEE + STAY + STAY.replace("ward", "room").replace("prefix: W-,", "prefix: W,"), "tables[3].prefix: `W-` begins with"),
        (RX.replace("}", ", record_prefix: W-}") + LINE, "`record_prefix` means nothing for a header table"),
        (RX.replace("}", ", fields: {BKKP_SN: id}}") + LINE, "`fields` means nothing for a header table"),
        (
            FEE.replace("}", ", moves: c}") + FEE.replace("his.charge", "his.old").replace("}", ", moves: c, record_prefix: O-}"),
            "tables[2].moves: `record_prefix` differs from that of `his.old`: a row that moved would be another record",
        ),
    ],
)
def test_what_cannot_be_meant_is_told(load, tables, message):
    """With the place, and what to write instead."""
    assert any(message in problem for problem in load(tables)), load(tables)


@pytest.mark.parametrize(
    ("number", "is_right"),
    [
        ('{join: [no, "-", line]}', True),
        ('{join: [line, "-", no]}', False),
        ("{join: [no, line]}", False),
        ('{join: [no, "-", {column: line, of: settlement}]}', False),
        ("no", False),
    ],
)
def test_a_key_of_several_columns_is_a_number_as_all_of_them(load, number, is_right):
    """With something between each two: `1` and `12` of one line would be `11` and `2` of another one."""
    two = FEE + WARD.replace("[id]", "[no, line]").replace("}", f", fields: {{BKKP_SN: {number}}}}}")
    told = load(two)
    if is_right:
        assert "12-3" == values(told, "fee_list_d", (VISIT, SETTLE, "his.ward_charge"), no="12", line="3")["BKKP_SN"]
    else:
        assert any('or write all of them, {join: [no, "-", line]}' in problem for problem in told), told
        assert not any("off" in problem for problem in told), "to switch the rule off mends nothing"


def test_a_required_field_may_have_a_source_in_the_tables_alone(load):
    """Then each of them has one."""
    line = "      CNT: quantity\n"
    whole = FEE.replace("}", ", fields: {CNT: quantity}}")
    assert values(load(whole, (line, "")), "fee_list_d", (VISIT, SETTLE, "his.charge"))["CNT"]
    (problem,) = load(whole + OWN.replace("CNT: {column: days, default: 1}", "RX_DRORD_NO: id"), (line, ""))
    assert "tables[3].fields: 1 required fields have no source: CNT" in problem
    assert "other tables have one in their `fields`" in problem


def test_visits_of_a_table_are_of_a_kind_of_its_own(load):
    """In- and outpatients in tables of their own have no column that says which they are."""
    site = load(FEE + STAY.replace("}", ", kind: {constant: inpatient}}"))
    numbers = {}
    for service, tables in (("mdtrt_d", ("", "")), ("setl_d", (SETTLE, "")), ("fee_list_d", (SETTLE, "his.charge"))):
        numbers[service] = [made(site, service, (visit, *tables)).infno for visit in ("his.ward", VISIT)]
        assert len({*numbers[service]}) == 2, numbers
    captured = {table.name: {*table.columns} for table in capture_sources(site)[0].tables}
    assert ("visit_type" in captured[VISIT], "visit_type" in captured["his.ward"]) == (True, False)


def test_the_file_needs_no_kind_where_all_visit_tables_have_one(load):
    """And where one has none, that is told."""
    kind = "kind: {column: visit_type, dictionary: care}\n"
    own = (
        "role: visit, key: [visit_id], visit_key: visit_id}",
        "role: visit, key: [visit_id], visit_key: visit_id, kind: {constant: outpatient}}",
    )
    assert isinstance(made(load(FEE, own, (kind, "")), "mdtrt_d", (VISIT, "", "")), Record)
    (problem,) = load(FEE + STAY, own, (kind, ""))
    assert "kind: is missing; only pharmacies can do without it" in problem


def test_a_mapping_without_lines_is_not_asked_for_their_key(load):
    """That there is no such table is told, and nothing that follows from it."""
    (problem,) = load("")
    assert "records.fee_list_d: there is no table with `role: fee`" in problem

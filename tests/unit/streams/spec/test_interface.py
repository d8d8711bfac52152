"""The field tables are the interface: a slip in one cell refuses or corrupts a hospital's records."""

import hashlib

import pytest

from streams.spec.dictionaries import load_dictionaries
from streams.spec.fields import Field, FieldKind, Service, ServiceCode
from streams.spec.interface import PERSONAL, SERVICES

SERVICE_CODES = pytest.mark.parametrize("code", list(ServiceCode))


def field(code: ServiceCode, name: str) -> Field:
    return next(each for each in SERVICES[code].fields if each.name == name)


def length(each: Field) -> str:
    return str(each.max_chars) if each.digits is None else f"{each.digits},{each.scale}"


@pytest.mark.parametrize(
    ("code", "fields", "required", "marked_as_codes"),
    [(ServiceCode.FEE, 24, 22, 4), (ServiceCode.SETTLEMENT, 29, 23, 7 - 1), (ServiceCode.VISIT, 106, 29, 25)],
)
def test_each_service_has_the_fields_the_interface_counts(code, fields, required, marked_as_codes):
    """A lost row would never be reported. The settlement's seventh code mark stands at SETL_TIME, which is a time."""
    service = SERVICES[code]
    assert (fields, required, marked_as_codes) == (
        len(service.fields),
        sum(each.required for each in service.fields),
        sum(each.coded for each in service.fields),
    )


@pytest.mark.parametrize(
    ("code", "characters", "digits", "decimals"),
    [(ServiceCode.FEE, 983, 48, 12), (ServiceCode.SETTLEMENT, 459, 153, 23), (ServiceCode.VISIT, 5962, 33, 1)],
)
def test_the_lengths_add_up_to_the_interfaces(code, characters, digits, decimals):
    """Totals a person can add up from §3.3 with a pencil: a changed length shows here first."""
    fields = SERVICES[code].fields
    assert (characters, digits, decimals) == (
        sum(each.max_chars or 0 for each in fields),
        sum(each.digits or 0 for each in fields),
        sum(each.scale or 0 for each in fields),
    )


@pytest.mark.parametrize(
    ("code", "checksum"),
    [
        (ServiceCode.FEE, "6080142e4d0bda76687ab7b96220a7980771ed5b8931dfcaa857ae930ac289d9"),
        (ServiceCode.SETTLEMENT, "7e5159e0a79d2c7b0b76a48e481e808d43ff90965e834da744839454c2028468"),
        (ServiceCode.VISIT, "6b77fa8c146ae8f0a97021960edf49cfe486b6afe46186e42b3181e128c2fb13"),
    ],
)
def test_names_types_lengths_and_presence_are_those_that_were_compared_with_the_document(code, checksum):
    """The tables were compared with the document cell by cell, twice; whoever changes a cell must compare again."""
    lines = (f"{each.name} {each.kind} {length(each)} {each.required}" for each in SERVICES[code].fields)
    assert checksum == hashlib.sha256("\n".join(lines).encode()).hexdigest()


@SERVICE_CODES
def test_every_field_is_numbered_and_cites_its_clause(code):
    """A refusal quotes the clause to the clerk; a wrong one sends them to the wrong row."""
    service = SERVICES[code]
    for number, each in enumerate(service.fields, start=1):
        assert (each.number, each.clause) == (number, f"{service.clause} #{number}")


@SERVICE_CODES
def test_a_services_key_is_a_required_field_and_names_are_unique(code):
    """The key identifies a record in receipts, corrections and reconciliation."""
    service: Service = SERVICES[code]
    names = [each.name for each in service.fields]
    assert len(names) == len(set(names))
    assert field(code, service.key).required


@SERVICE_CODES
def test_types_have_the_measures_that_belong_to_them(code):
    """The validator reads `max_chars` of texts and `digits`, `scale` of decimals and must never meet None by surprise."""
    for each in SERVICES[code].fields:
        assert (each.digits is not None) == (each.scale is not None) == (each.kind is FieldKind.DECIMAL)
        if each.kind is FieldKind.TEXT:
            assert each.max_chars is not None or each.name == "TRT_DCLA_DETL_SN"
        else:
            assert each.max_chars is None


def test_services_come_in_the_order_of_reporting():
    """A settlement reported before its visit is refused (rule R24)."""
    assert [str(code) for code in SERVICES] == ["mdtrt_d", "setl_d", "fee_list_d"]


@pytest.mark.parametrize(
    ("code", "name", "meant"),
    [
        (ServiceCode.SETTLEMENT, "SETL_TIME", (FieldKind.DATETIME, "None", True, False)),
        (ServiceCode.SETTLEMENT, "POOL_PROP_SELFPAY", (FieldKind.DECIMAL, "5,4", True, False)),
        (ServiceCode.VISIT, "DIE_DATE", (FieldKind.DATE, "None", False, False)),
        (ServiceCode.VISIT, "BIRCTRL_MATN_DATE", (FieldKind.DATE, "None", False, False)),
        (ServiceCode.VISIT, "TTP_PAY_PROP", (FieldKind.DECIMAL, "5,0", False, False)),
        (ServiceCode.VISIT, "IPT_DAYS", (FieldKind.DECIMAL, "16,0", False, False)),
        (ServiceCode.VISIT, "AGE", (FieldKind.DECIMAL, "4,1", True, False)),
        (ServiceCode.VISIT, "TRT_DCLA_DETL_SN", (FieldKind.TEXT, "None", False, False)),
        (ServiceCode.VISIT, "NATY", (FieldKind.TEXT, "3", False, True)),
        (ServiceCode.VISIT, "MDTRT_CERT_TYPE", (FieldKind.TEXT, "3", False, True)),
        (ServiceCode.VISIT, "PSN_CERT_TYPE", (FieldKind.TEXT, "6", True, False)),
    ],
)
def test_where_the_interface_sets_a_trap_the_table_has_what_is_meant(code, name, meant):
    """A code mark on a time, `yyyy-mm-dd`, swapped columns in §3.3.3, a text without a length: each would refuse good
    records. `meant` is kind, length, required, coded.
    """
    each = field(code, name)
    assert (each.kind, length(each), each.required, each.coded) == meant


def test_one_name_has_its_own_length_in_each_service():
    """A length looked up by name alone would let a settlement's number through and refuse a fee line's, or the reverse."""
    assert {c: field(c, "FIXMEDINS_CODE").max_chars for c in ServiceCode} == {"fee_list_d": 30, "setl_d": 100, "mdtrt_d": 40}


def test_exactly_the_fields_that_identify_a_person_are_personal():
    """What is missing here stands in clear text before everyone who opens the dead letters."""
    assert {"CERTNO", "PSN_NAME", "TEL", "ADDR", "MDTRT_CERT_NO", "CONER_NAME", "EMP_NAME"} == PERSONAL


@SERVICE_CODES
def test_every_value_list_named_by_a_field_exists_and_fits_it(code):
    """A missing list would switch a check off in silence, and a code longer than its field can never be reported.

    Eight department codes (`A04.01.01`) are longer than the interface's 6 characters: such a record is refused, never cut.
    """
    dictionaries = load_dictionaries()
    for each in SERVICES[code].fields:
        if each.dictionary is not None:
            assert each.dictionary in dictionaries
            too_long = [key for key in dictionaries[each.dictionary].codes if len(key) > (each.max_chars or 0)]
            assert len(too_long) == (8 if each.name in {"ADM_CATY", "DSCG_CATY"} else 0)

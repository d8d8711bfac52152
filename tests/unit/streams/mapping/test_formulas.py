"""Values that a mapping makes of several columns: what each construct gives, what it refuses, and what is told before it runs."""

from datetime import date
from pathlib import Path
from uuid import UUID

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.normalise.record import missing_rows, normalise
from streams.domain.normalise.written import uuid_of
from streams.domain.records import MissingLookup, Record, SourceRows
from streams.mapping import BadFiles, capture_sources, compile_site, load_site
from streams.mapping.columns import columns_by_table
from streams.spec.fields import ServiceCode

FOLDER = Path(__file__).parents[3] / "contract" / "mapping"
SITE = (FOLDER / "site.yaml").read_text(encoding="utf-8")
MAPPING = (FOLDER / "mapping.yaml").read_text(encoding="utf-8")
CASES = yaml.safe_load((FOLDER / "cases.yaml").read_text(encoding="utf-8"))
TODAY = date(2024, 6, 1)
SERVICES = {"visit": ServiceCode.VISIT, "settlement": ServiceCode.SETTLEMENT, "fee": ServiceCode.FEE}


class Patients:
    """The lookups of the contract, and no others."""

    def find(self, name, key):
        return CASES["lookups"].get(name, {}).get(key[0])


class Written:
    """One field of a record, with another source, in the contract's mapping."""

    def __init__(self, folder, field, source, *, of, dictionaries=""):
        old = next(
            line for line in MAPPING[MAPPING.index(f"{SERVICES[of].value}:") :].splitlines() if line.strip().startswith(f"{field}:")
        )
        start, rest = MAPPING[: MAPPING.index(f"{SERVICES[of].value}:")], MAPPING[MAPPING.index(f"{SERVICES[of].value}:") :]
        start = start.replace("dictionaries:\n", f"dictionaries:\n{dictionaries}", 1)
        (folder / "mapping.yaml").write_text(start + rest.replace(old, f"      {field}: {source}", 1), encoding="utf-8")
        (folder / "site.yaml").write_text(SITE, encoding="utf-8")
        self.site = load_site(folder / "site.yaml")
        self.mapping = compile_site(self.site)["his"]
        self.field, self.of = field, of

    def made(self, **columns):
        """The record of the contract's rows with these columns."""
        rows = SourceRows(**{role: {**CASES["rows"][role], **(columns if role == self.of else {})} for role in SERVICES})
        return normalise(self.mapping, SERVICES[self.of], rows, Patients(), today=TODAY)

    def value(self, **columns):
        """The field of it; None where it has none, the rules where it is refused."""
        made = self.made(**columns)
        if isinstance(made, Record):
            return orjson.loads(made.value).get(self.field)
        return made if isinstance(made, MissingLookup) else [one.rule for one in made.violations if one.field == self.field]


@pytest.fixture
def written(tmp_path):
    return lambda field, source, *, of="fee", **more: Written(tmp_path, field, source, of=of, **more)


@pytest.mark.parametrize(
    ("columns", "value"),
    [
        ({"quantity": "2", "price": "6.17"}, "12.34"),
        ({"quantity": "-2", "price": "6.17"}, "-12.34"),
        ({"quantity": "3", "price": "0.3333"}, "1.00"),
        ({"quantity": "0.1", "price": "0.05"}, "0.01"),
        ({"quantity": " ", "price": "6.17"}, ["REQUIRED"]),
        ({"quantity": None, "price": "6.17"}, ["REQUIRED"]),
        ({"quantity": "two", "price": "6.17"}, ["MAPPING"]),
        ({"quantity": "9" * 20, "price": "9" * 20}, ["DECIMAL"]),
    ],
)
def test_a_product_is_exact_and_rounded_only_where_the_mapping_says_so(written, columns, value):
    """Herbal doses are quantity times times times doses; a float would lose a fen."""
    field = written("DET_ITEM_FEE_SUMAMT", "{product: [quantity, price], round: true}")
    got = field.value(**columns, amount="0")
    assert value == ([one for one in got if not one.startswith("R1")] if isinstance(got, list) else got)


def test_decimals_that_the_interface_has_no_room_for_are_refused_after_a_product_too(written):
    """Whether they are rounded is the mapping's to say, as for a column."""
    assert "DECIMAL" in written("DET_ITEM_FEE_SUMAMT", "{product: [quantity, price]}").value(quantity="3", price="0.3333")


def test_a_sum_counts_what_is_missing_as_nothing_only_where_the_mapping_says_so(written):
    """NULL is not zero: who knows that it is writes it."""
    field = written("FUND_PAY_SUMAMT", "{sum: [pool, {column: extra, default: 0}]}", of="settlement")
    assert "10.00" == field.value(pool="10.00", extra=None)
    assert "10.50" == field.value(pool="10.00", extra="0.5")
    strict = written("PRESELFPAY_AMT", "{sum: [pool, extra]}", of="settlement")
    assert ["REQUIRED"] == strict.value(extra=None)


def test_a_decimal_changes_its_sign(written):
    """A refund is a negative payment in one system and a positive one with a mark in another."""
    field = written("ACCT_PAY", "{column: account, negate: true, default: 0}", of="settlement")
    assert ["-1.50", "1.50", "0.00", "0.00"] == [field.value(account=one) for one in ("1.5", "-1.50", "0", None)]


@pytest.mark.parametrize(
    ("born", "begun", "age"),
    [
        ("1938-10-05Z", "2024-10-04T23:59:59Z", 85),
        ("1938-10-05Z", "2024-10-05T00:00:00Z", 86),
        ("2004-02-29Z", "2023-02-28T08:00:00Z", 18),
        ("2004-02-29Z", "2023-03-01T08:00:00Z", 19),
        ("20040229", "2024-02-29T08:00:00Z", 20),
        ("2024-01-01Z", "2024-01-01T08:00:00Z", 0),
        ("2024-01-02Z", "2024-01-01T08:00:00Z", ["MAPPING"]),
        ("no day", "2024-01-01T08:00:00Z", ["DATETIME"]),
        (None, "2024-01-01T08:00:00Z", ["REQUIRED"]),
    ],
)
def test_an_age_is_of_full_years_at_the_day_that_the_mapping_names(written, born, begun, age):
    """An age that the hospital keeps grows old itself."""
    field = written("AGE", "{age: {birth: born, at: seen_at}}", of="visit")
    got = field.value(born=born, seen_at=begun)
    assert age == (float(got) if isinstance(got, str) else got)


def test_a_birth_with_a_zone_is_a_day_of_the_sites_zone(written):
    """Midnight in Shanghai is the day before in UTC: a newborn would be a day older, and at 18 a minor."""
    field = written("AGE", "{age: {birth: {column: born, time: instant}, at: seen_at}}", of="visit")
    assert 0 == float(field.value(born="2024-01-01T16:00:00Z", seen_at="2025-01-01T08:00:00Z"))
    assert 1 == float(field.value(born="2024-01-01T16:00:00Z", seen_at="2025-01-02T08:00:00Z"))


def test_days_are_counted_by_the_calendar_with_a_least_number(written):
    """Admission and discharge on one day are a day in most houses, and none in some."""
    field = written("IPT_DAYS", "{days: {from: begin_at, to: end_at}}", of="visit")
    assert 3 == float(field.value(begin_at="2024-01-30T23:00:00Z", end_at="2024-02-02T01:00:00Z"))
    least = written("IPT_DAYS", "{days: {from: begin_at, to: end_at, least: 1}}", of="visit")
    assert 1 == float(least.value(begin_at="2024-01-01T08:00:00Z", end_at="2024-01-01T09:00:00Z"))
    assert "MAPPING" in least.value(begin_at="2024-01-02T08:00:00Z", end_at="2024-01-01T09:00:00Z")


def test_texts_are_cut_and_put_together(written):
    """Numbers that are unique in a year and a department carry both in the interface."""
    assert "0301-12-9" == written("RX_DRORD_NO", '{join: [a, "-", b, "-", c]}').value(a="0301", b=" 12 ", c="9")
    assert written("RX_DRORD_NO", '{join: [a, "-", b]}').value(a="0301", b=None) is None
    assert "301" == written("RX_DRORD_NO", "{part: {of: a, from: 2, length: 3}}").value(a="0301XY")
    assert "XY" == written("RX_DRORD_NO", "{part: {of: a, from: 5}}").value(a="0301XY")
    assert written("RX_DRORD_NO", "{part: {of: a, from: 5}}").value(a="0301") is None


def test_whether_something_is_there_is_a_code(written):
    """A column that holds a civil servant's number says that he is one."""
    field = written("CVLSERV_FLAG", "{present: civil, yes: 1, no: 0}", of="visit")
    assert ["1", "0", "0"] == [field.value(civil=one) for one in ("A77", None, "  ")]


@given(number=st.uuids(), dashes=st.booleans())
def test_a_uuid_fits_in_thirty_characters_and_comes_back(number, dashes):
    """Law: two UUIDs are never one number, and the hospital's row is found again."""
    field = PLAIN["uuid"]
    compact = field.value(a=f"{number}" if dashes else number.hex)
    assert len(compact) == 25
    assert number == UUID(uuid_of(compact))


@pytest.fixture(scope="module", autouse=True)
def _plain(tmp_path_factory):
    PLAIN["uuid"] = Written(tmp_path_factory.mktemp("uuid"), "RX_DRORD_NO", "{column: a, compact: uuid}", of="fee")


PLAIN = {}


def test_what_is_no_uuid_is_the_mappings_to_mend():
    """It names the wrong column."""
    assert ["MAPPING"] == PLAIN["uuid"].value(a="4711")


@pytest.mark.parametrize(
    ("source", "columns", "value"),
    [
        ("{column: a, time: {format: yyyyMMddHH:mm:ss}}", {"a": "2024010108:30:00"}, "2024-01-01 08:30:00"),
        ("{column: a, time: {format: yyyyMMdd}}", {"a": "20240101"}, "2024-01-01 00:00:00"),
        ("{column: a, time: {format: 'dd.MM.yyyy HH:mm'}}", {"a": "01.02.2024 08:30"}, "2024-02-01 08:30:00"),
        ("{column: a, time: {format: yyyyMMdd}}", {"a": "20240230"}, ["R20"]),
        ("{column: a, time: {format: yyyyMMdd}}", {"a": "2024-01-01"}, ["MAPPING"]),
        ("{column: a, time: {unix: s}}", {"a": "1704069000"}, "2024-01-01 08:30:00"),
        ("{column: a, time: {unix: ms}}", {"a": "1704069000999"}, "2024-01-01 08:30:00"),
        ("{column: a, time: {unix: ms}}", {"a": "soon"}, ["MAPPING"]),
        ("{column: a, time: {unix: s}}", {"a": "99999999999999"}, ["MAPPING"]),
        ("{date: d, clock: c}", {"d": "20240101", "c": "0830"}, "2024-01-01 08:30:00"),
        ("{date: d, clock: c}", {"d": "2024-01-01Z", "c": "8:30:15"}, "2024-01-01 08:30:15"),
        ("{date: d, clock: c}", {"d": "2024-01-01T00:00:00Z", "c": "083015"}, "2024-01-01 08:30:15"),
        ("{date: d, clock: c}", {"d": "2024-01-01Z", "c": "24:30"}, ["MAPPING"]),
        ("{date: d, clock: c}", {"d": "2024-01-01Z", "c": None}, ["REQUIRED"]),
    ],
)
def test_times_are_read_as_hospitals_write_them(written, source, columns, value):
    """A form that the mapping does not name is never guessed."""
    got = written("FEE_OCUR_TIME", source).value(**columns)
    assert value == ([one for one in got if one != "R21"] if isinstance(got, list) else got)


NULLS = '{column: died_on, nulls: ["-", "1900-01-01", "9999-12-31"]}'


@pytest.mark.parametrize(
    ("died", "shown"),
    [("1900-01-01Z", None), ("1900-01-01T00:00:00Z", None), (" - ", None), ("9999-12-31", None), ("2024-01-01Z", "2024-01-01")],
)
def test_what_a_hospital_writes_for_null_is_none(written, died, shown):
    """Nobody died in 1900 who is treated now."""
    assert shown == (written("DIE_DATE", NULLS, of="visit").value(died_on=died) or None)


ELSE = "{switch: {on: kind, cases: {2: item_name}, else: {constant: 其他}}}"
SWITCH = "{switch: {on: kind, cases: {1: {lookup: patient, by: [p], column: name}, 2: item_name}}}"


def test_a_switch_reads_the_table_of_the_code_alone(written):
    """A row that points at number 1 of the second table must never get the name of number 1 of the first."""
    field = written("HILIST_NAME", SWITCH)
    assert "张三" == field.value(kind="1", p="P1", item_name="阿司匹林")
    assert "阿司匹林" == field.value(kind="2", p="P404", item_name="阿司匹林"), "the lookup is not asked, and not waited for"
    assert ["MAPPING"] == field.value(kind="3", p="P1", item_name="阿司匹林"), "what is not listed is refused, not guessed"
    assert ["REQUIRED"] == field.value(kind=None, p="P1", item_name="阿司匹林")
    other = written("HILIST_NAME", ELSE)
    assert ["其他", "其他"] == [other.value(kind=one, item_name="阿司匹林") for one in ("9", None)]


@pytest.mark.parametrize(
    ("absent", "value"),
    [("", MissingLookup), (", absent: wait", MissingLookup), (", absent: empty", None), (", absent: refuse", ["MAPPING"])],
)
def test_a_lookup_may_be_absent_where_the_mapping_says_so(written, absent, value):
    """A doctor who left is in no table any more; a record that waits for him waits for ever."""
    field = written("RX_DRORD_NO", f"{{lookup: patient, by: [p], column: name{absent}}}")
    got = field.value(p="P404")
    assert isinstance(got, MissingLookup) if value is MissingLookup else got == value
    rows = SourceRows(**{**CASES["rows"], "fee": {**CASES["rows"]["fee"], "p": "P404"}})
    missing = missing_rows(field.mapping, ServiceCode.FEE, rows, Patients())
    assert [("P404",)] * (value is MissingLookup) == [one.key for one in missing]


def test_an_absent_row_leads_to_the_next_source(written):
    """The name as it stands in the line, where the catalogue does not have the item any more."""
    field = written("HILIST_NAME", "{first_of: [{lookup: patient, by: [p], column: name, absent: empty}, item_name]}")
    assert "阿司匹林" == field.value(p="P404", item_name="阿司匹林")
    assert "张三" == field.value(p="P1", item_name="阿司匹林")


@pytest.mark.parametrize(
    ("columns", "value"),
    [
        ({"a": "1", "b": "M"}, "1"),
        ({"a": "2", "c": "4"}, "2"),
        ({"a": "2", "c": "M"}, ["DICTIONARY"]),
        ({"a": "3", "b": "M", "c": "4"}, "2"),
        ({"a": "1", "b": " ", "c": "4"}, ["REQUIRED"]),
    ],
)
def test_each_table_of_a_switch_has_codes_of_its_own(written, columns, value):
    """Where drugs and services are told by different systems, one code means two things."""
    of_services = "{column: c, dictionary: numbers}"
    source = f"{{switch: {{on: a, cases: {{1: {{column: b, dictionary: sex}}, 2: {of_services}}}, else: {{constant: 2}}}}}}"
    field = written("GEND", source, of="visit", dictionaries="  numbers:\n    codes: {3: 1, 4: 2}\n")
    assert value == field.value(**columns)


def test_the_day_of_an_instant_is_that_of_the_sites_zone(written):
    """At eight in the morning in China it is yesterday in the text of capture."""
    midnight = "2023-12-31T16:00:00Z"
    field = written("FEE_OCUR_TIME", "{date: {column: a, time: instant}, clock: b}")
    assert "2024-01-01 09:30:00" == field.value(a=midnight, b="09:30")
    (source,) = capture_sources(field.site)
    assert "a" in next(one for one in source.tables if one.name == "his.charge").instants
    (source,) = capture_sources(written("FEE_OCUR_TIME", "{date: a, clock: b}").site)
    assert "a" in next(one for one in source.tables if one.name == "his.charge").wall_clock, "held against the column's type"


def test_a_second_source_has_codes_of_its_own(written):
    field = written("GEND", "{first_of: [{column: a, dictionary: sex}, b]}", of="visit")
    assert ("1", "2", ["DICTIONARY"]) == (field.value(a="M"), field.value(a=None, b="2"), field.value(a="1"))


def test_what_a_part_is_translated_to_is_held_against_the_interface(written):
    with pytest.raises(BadFiles) as bad:
        written("GEND", "{first_of: [{column: a, dictionary: odd}]}", of="visit", dictionaries="  odd:\n    codes: {M: 77}\n")
    assert "dictionaries.odd.codes.M: `77` is no code of GEND" in "\n".join(map(str, bad.value.problems))


def test_every_column_of_a_formula_is_captured(written):
    """A column that is not captured is NULL for ever."""
    field = written(
        "DET_ITEM_FEE_SUMAMT", "{switch: {on: a, cases: {1: {product: [b, c]}}, else: {sum: [d, {negate: true, column: e}]}}}"
    )
    assert {"a", "b", "c", "d", "e"} <= {*columns_by_table(field.site.mappings["his"])["his.charge"]}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{column: a, product: [b, c]}", "needs exactly one of column"),
        ("{date: d}", "`date` and `clock` need each other"),
        ("{present: a, yes: 1}", "`present` needs `yes` and `no`"),
        ("{column: a, absent: empty}", "`absent` makes sense only with `lookup`"),
        ("{column: a, time: {format: yyyyMMdd, unix: s}}", "needs exactly one of format, unix"),
        ("{column: a, time: {format: YYYYMMdd}}", "`YYYYMMdd` is no form of a time"),
        ("{column: a, time: {format: HH:mm}}", "`HH:mm` is no form of a time"),
        ("{age: {birth: a, att: b}}", "age.att: is not known here (did you mean `at`?)"),
        ("{switch: {on: a, cases: {1: {colum: b}}}}", "is not known here (did you mean `column`?)"),
        ("{product: [a, {column: b, money: fen}]}", "conversions belong to the outer source: money"),
        ("{days: {from: {column: a, time: {unix: s}}, to: b}}", "must be `wall` or `instant` here"),
        ("{first_of: [{column: a, dictionary: sex}], dictionary: sex}", "`sex` translates what is translated already"),
        ("{switch: {on: a, cases: {1: b}, else: {column: c, dictionary: sax}}}", "`sax` is no dictionary of this file"),
        ("{switch: {on: {column: a, dictionary: sex}, cases: {1: b}}}", "conversions belong to the outer source: dictionary"),
        ("{join: [a, {column: b, dictionary: sex}]}", "conversions belong to the outer source: dictionary"),
        ("{join: [a, {lookup: nobody, by: [b], column: c}]}", "`nobody` is no lookup table of this file"),
        ("{part: {of: a, from: 0}}", "from"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(written, source, said):
    """Before a row is read."""
    with pytest.raises(BadFiles) as bad:
        written("FEE_OCUR_TIME", source)
    assert said in "\n".join(map(str, bad.value.problems))


@pytest.mark.parametrize("source", ["{column: a, negate: true}", "{column: a, compact: uuid, as: date}"])
def test_a_conversion_that_means_nothing_for_the_field_is_told(written, source):
    """Else it would be forgotten silently."""
    with pytest.raises(BadFiles) as bad:
        written("RX_DRORD_NO", source)
    assert "means nothing for RX_DRORD_NO (text)" in "\n".join(map(str, bad.value.problems))

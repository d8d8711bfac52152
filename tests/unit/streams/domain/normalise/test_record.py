"""Normalising is a pure function: same rows, same bytes; and what cannot be sent alone is said at once."""

import hashlib
import unicodedata
from dataclasses import replace
from datetime import date
from pathlib import Path

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from connector.contract import TableRole
from streams.domain.normalise.misread import misread
from streams.domain.normalise.record import normalise, thoroughly
from streams.domain.normalise.sources import Reading
from streams.domain.normalise.unrolled import unroll
from streams.domain.normalise.unseen import hides, is_blank
from streams.domain.records import Record, Refusal, SourceRows
from streams.domain.violations import DeadClass, Level, Unfit
from streams.mapping import compile_site, load_site
from streams.spec.fields import ServiceCode
from streams.spec.interface import SERVICES

FOLDER = Path(__file__).parents[4] / "contract" / "mapping"
ROWS = yaml.safe_load((FOLDER / "cases.yaml").read_text(encoding="utf-8"))["rows"]
PATIENT = {"cert_type": "1", "cert_no": "51010219381005541X", "name": "张三", "sex": "M", "born_at": "1938-10-04T16:00:00Z"}
TODAY = date(2024, 6, 1)


class Always:
    """A lookup that knows everybody as the same person."""

    def __init__(self, person=PATIENT):
        self.person = person

    def find(self, name, key):  # noqa: ARG002 - the interface's
        return self.person


@pytest.fixture(scope="module")
def mapping():
    return compile_site(load_site(FOLDER / "site.yaml"))["his"]


def line(**changes):
    return SourceRows(visit=ROWS["visit"], settlement=ROWS["settlement"], fee=ROWS["fee"] | changes)


def made(mapping, rows, service=ServiceCode.FEE):
    return normalise(mapping, service, rows, Always(), today=TODAY)


def test_the_bytes_are_compact_json_of_texts_in_the_interfaces_order(mapping):
    """A batch is a concatenation of these bytes; the platform takes nothing but texts (§2.2)."""
    record = made(mapping, line())
    fields = orjson.loads(record.value)
    order = [field.name for field in SERVICES[ServiceCode.FEE].fields]
    assert list(fields) == [name for name in order if name in fields]
    assert {str} == {type(value) for value in fields.values()}
    assert orjson.dumps(fields) == record.value
    assert b"\\u" not in record.value
    assert hashlib.blake2b(record.value, digest_size=16).hexdigest() == record.content_hash


def test_the_same_rows_give_the_same_bytes(mapping):
    """Corrections are recognised by content: what did not change must not look changed."""
    again = compile_site(load_site(FOLDER / "site.yaml"))["his"]
    assert made(mapping, line()) == made(again, line())
    # A wider column type in the hospital is no correction either.
    assert made(mapping, line(quantity="2.000000", price="6.170")) == made(mapping, line())
    assert made(mapping, line(quantity="3", amount="18.51")).content_hash != made(mapping, line()).content_hash


TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "1", "9", "M", "abc", "2024-01-01T08:00:00Z", "2024-01-01Z", "12.5", "-1"]),
    st.text(max_size=40),
)


@given(st.data())
def test_the_straight_way_and_the_thorough_one_agree(mapping, data):
    """Law: the unrolled function is only faster. Where it gives values, the loop gives the same ones and finds nothing wrong."""
    service = data.draw(st.sampled_from(list(ServiceCode)))
    rows = {role: dict(ROWS[role]) for role in ("visit", "settlement", "fee")}
    for role, row in rows.items():
        for column in data.draw(st.sets(st.sampled_from(sorted(row)), max_size=3)):
            rows[role][column] = data.draw(TEXTS)
    for settings in (mapping, replace(mapping, dialect=replace(mapping.dialect, blank=""))):
        reading = Reading(SourceRows(**rows), Always())
        reading.institution = mapping.institutions["H36110200001"]
        plan = mapping.records[service]
        fill = unroll(plan.steps, settings.dialect.blank)
        values, violations = thoroughly(plan, reading, settings.dialect.blank)
        try:
            straight = fill(reading)
        except Unfit:
            straight = None
        if straight is None or not hides(orjson.dumps(straight)):
            assert straight is None or (straight == values and list(straight) == list(values))
            assert (straight is None) == bool(violations)


def test_blank_optional_fields_are_left_out_or_sent_empty(mapping):
    """Platforms differ; the setting decides for all fields, mapped or not."""
    assert "RX_DRORD_NO" not in orjson.loads(made(mapping, line()).value)
    site = load_site(FOLDER / "site.yaml")
    empty = compile_site(site.model_copy(update={"platform": site.platform.model_copy(update={"blank": "empty"})}))["his"]
    assert "" == orjson.loads(made(empty, line()).value)["RX_DRORD_NO"]
    visit = orjson.loads(made(empty, SourceRows(visit=ROWS["visit"]), ServiceCode.VISIT).value)
    assert [field.name for field in SERVICES[ServiceCode.VISIT].fields] == list(visit)


UNSEEN = ["\u200b", "\ufeff", "\xad\u2060 ", "\x00", "\x1b\x7f", "\u200e\x85\u3000"]
UNSEEN += ["\u3164", "\u2800\u2800", "\U000e0020\ufe0f", "\uffa0 \u115f", "\u034f"]


@pytest.mark.parametrize("unseen", UNSEEN)
def test_a_required_text_that_nobody_sees_is_no_value(mapping, unseen):
    """The platform takes it, and whoever reads the record finds a name that is empty."""
    refused = made(mapping, line(item_name=unseen))
    assert isinstance(refused, Refusal)
    assert [("HILIST_NAME", "REQUIRED"), ("MEDINS_LIST_NAME", "REQUIRED")] == [
        (one.field, one.rule) for one in refused.violations if one.level is Level.REFUSE
    ]


def ignorable():
    """What Unicode lets a reader ignore, by its own data: marks that are joined to nothing, formats, and the named fillers."""
    names = ("FILLER", "BRAILLE PATTERN BLANK", "NULL NOTEHEAD", "VARIATION SELECTOR", "GRAPHEME JOINER", "VOWEL INHERENT")
    for code in range(0x110000):
        char = chr(code)
        if any(name in unicodedata.name(char, "") for name in names) and unicodedata.category(char) not in {"Po", "Nl"}:
            yield char


SHOWN = {"\u2fef", "\U00016fe4"} | set(map(chr, range(0xFFF9, 0xFFFC)))


def test_each_character_that_nobody_sees_is_found_in_the_bytes_of_a_record():
    """The check of each record is by bytes: one that they miss goes out as a name that is empty."""
    found = [*ignorable()]
    assert {"\u3164", "\uffa0", "\u115f", "\u1160", "\u2800", "\u034f", "\u17b4", "\ufe0f", "\U000e01ef", "\u180b"} <= set(found)
    unseen = [
        chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and is_blank(chr(code)) and not chr(code).isspace()
    ]
    assert set(found) <= set(unseen) | SHOWN
    assert [] == [char for char in unseen if not hides(orjson.dumps(char))]
    assert 4_400 > len(unseen) > 4_200


def test_an_optional_text_that_nobody_sees_is_left_out(mapping):
    """It is sent exactly as if the column were NULL, so that nothing looks changed when somebody clears it."""
    rows = {**ROWS["visit"], "addr": "\u200b\u200d"}
    unseen, null = (made(mapping, SourceRows(visit=row), ServiceCode.VISIT) for row in (rows, {**rows, "addr": None}))
    assert isinstance(unseen, Record)
    assert null == unseen


@pytest.mark.parametrize(
    ("text", "warns"),
    [
        ("青霉素\ufffd", True),
        ("青\x00霉素", True),
        ("\x1b[31m青霉素", True),
        ("??素", True),
        ("?", True),
        ("青霉素?", False),
        ("青霉素\n（注射用）", False),
        ("青\u200d霉素", False),
        ("“青霉素”—Ⅱ", False),
        ("张？？", True),
        ("？", True),
        ("青霉素？", False),
        ("青霉\ue0f5", True),
        ("张\U000f0041", True),
        ("张\U00100041", True),
        ("张□明", True),
        ("张〓", True),
        ("锟斤拷", True),
        ("青霉素锟斤拷锟斤拷", True),
        ("烫烫烫烫", True),
        ("Ã©tÃ©", True),
        ("å¼\xa0ä¸‰", True),
        ("å¼\xa0ä¸\x89", True),
        ("阿里木Â·买买提", True),
        ("ï¿½ï¿½", True),
        ("寮犱笁", True),
        ("鐜嬪皬鏄?", True),
        ("娆ч槼濞滃", True),
        ("涓€浜烘皯鍖婚櫌", True),
        ("阿里木·买买提", False),
        ("José·María", False),
        ("NIÑ·X", False),
        ("LÂ·NGUYỄN", False),
        ("Müller", False),
        ("𠮷田", False),
        ("张𤩽", False),
        ("李喆堃", False),
        ("䶮", False),
        ("浼昇珺", False),
        ("嫪毐", False),
        ("联通", False),
    ],
)
def test_a_name_that_lost_characters_warns(mapping, text, warns):
    """A conversion between character sets spoils names quietly; they go out, and somebody is told. Joiners are of some scripts."""
    record = made(mapping, line(item_name=text))
    assert isinstance(record, Record)
    found = {(one.field, one.rule, one.level) for one in record.warnings if one.rule == "TEXT"}
    assert ({(name, "TEXT", Level.WARN) for name in ("HILIST_NAME", "MEDINS_LIST_NAME")} if warns else set()) == found
    assert text == orjson.loads(record.value)["HILIST_NAME"]


GB2312 = [
    two for one in range(0xB0, 0xF8) for at in range(0xA1, 0xFF) if (two := bytes((one, at)).decode("gb2312", errors="ignore"))
]
RARE = st.characters(min_codepoint=0x20000, max_codepoint=0x2A6D6) | st.characters(min_codepoint=0x3400, max_codepoint=0x4DBF)


@given(st.lists(st.sampled_from([*GB2312, "·"]) | RARE, min_size=1, max_size=6).map("".join))
def test_no_name_of_real_characters_warns(name):
    """Who is warned of each rare character reads no warning any more."""
    assert "" == misread(name)


@given(st.text(st.sampled_from(GB2312[:3755]), min_size=2, max_size=12), st.sampled_from(["gbk", "gb18030", "latin-1"]))
def test_chinese_in_utf_8_that_was_read_otherwise_is_looked_for_and_told(name, charset):
    """A connection with the wrong character set spoils every name of a hospital. Of two characters some are not to be told."""
    spoilt = name.encode().decode(charset, errors="replace")
    told = misread(spoilt) != "" or "\ufffd" in spoilt
    assert told or (charset != "latin-1" and len(name) < 5)
    if told:
        assert hides(orjson.dumps({"PSN_NAME": spoilt}))


def test_a_site_decides_about_texts_that_lost_characters(mapping):
    """As about every other rule."""
    for level, kind in (("off", Record), ("refuse", Refusal)):
        other = replace(mapping, dialect=replace(mapping.dialect, levels={"TEXT": level}))
        assert isinstance(one := made(other, line(item_name="??")), kind)
        assert (level == "refuse") == any(violation.rule == "TEXT" for violation in getattr(one, "violations", ()))


@given(st.text(min_size=1, max_size=12))
def test_what_is_hidden_in_a_record_is_looked_for(text):
    """Law: the short look at a record's bytes passes over nothing that counts as blank."""
    if is_blank(text) and text.strip():
        assert hides(orjson.dumps({"PSN_NAME": text}))


def test_an_identity_number_ends_in_a_capital_x():
    """GB 11643 writes X; a platform that compares texts finds two persons. A site whose platform wants it as it stands says so."""
    site = load_site(FOLDER / "site.yaml")
    as_it_stands = site.model_copy(update={"platform": site.platform.model_copy(update={"capital_x": False})})
    for whole, shown in ((site, "X"), (as_it_stands, "x")):
        mapping = compile_site(whole)["his"]
        for service in (ServiceCode.VISIT, ServiceCode.SETTLEMENT):
            rows = SourceRows(visit=ROWS["visit"], settlement=ROWS["settlement"])
            lower = PATIENT | {"cert_no": PATIENT["cert_no"].lower()}
            record = normalise(mapping, service, rows, Always(lower), today=TODAY)
            assert PATIENT["cert_no"][:-1] + shown == orjson.loads(record.value)["CERTNO"]


def test_a_record_that_fits_no_batch_alone_is_refused_with_its_size(mapping):
    """Otherwise the deliver stage could never send it and would stand still."""
    record = made(mapping, line())
    size = len(record.value) + 2
    assert isinstance(made(replace(mapping, max_plain_bytes=size), line()), Record)
    refused = made(replace(mapping, max_plain_bytes=size - 1), line())
    assert isinstance(refused, Refusal)
    assert [(DeadClass.OVERSIZE, "OVERSIZE", str(size))] == [(one.dead_class, one.rule, one.masked) for one in refused.violations]


def test_the_largest_record_is_what_sealing_leaves_room_for(mapping):
    """50,000 characters of lower hex hold 24,903 plain bytes (interface §3.2.1)."""
    assert 24_903 == mapping.max_plain_bytes


def test_what_a_record_reads_is_known(mapping):
    """The join skips the fee lines of a visit when only columns changed that they do not read."""
    reads = mapping.reads(ServiceCode.FEE)
    assert (TableRole.VISIT, "patient_id") in reads
    assert (TableRole.VISIT, "visit_type") in reads, "infno depends on it"
    assert (TableRole.VISIT, "begin_at") not in reads, "R22 only warns: what was sent stays as it is"
    assert (TableRole.FEE, "org") in reads
    assert (TableRole.VISIT, "doctor") not in reads


def test_a_rule_that_refuses_is_part_of_what_a_record_reads():
    """Mending the visit's begin must free the fee lines that R22 refused because of it."""
    site = load_site(FOLDER / "site.yaml")
    strict = compile_site(site.model_copy(update={"rules": {"R22": "refuse"}}))["his"]
    assert (TableRole.VISIT, "begin_at") in strict.reads(ServiceCode.FEE)


def test_who_must_report_visits(mapping):
    """Hospitals must, pharmacies need not (§3.3.3); nobody can be made to who is not registered."""
    assert [True, False, False] == [mapping.visit_required(code) for code in ("H36110200001", "P36110200002", "H00000000000")]


def test_an_institution_has_many_names(mapping):
    """Rows name an institution by whatever number the hospital system gave it."""
    names = ["01", " 01 ", "A", "H36110200001", "02", "99", None]
    codes = [mapping.institution(TableRole.FEE, {"org": name}) for name in names]
    assert ["H36110200001"] * 4 + ["P36110200002", None, None] == codes


def test_personal_data_is_masked_in_violations(mapping):
    """A dead letter is read by many people."""
    rows = SourceRows(visit=ROWS["visit"], settlement=ROWS["settlement"] | {"settled_at": "51010219381005541X"})
    refused = made(mapping, rows, ServiceCode.SETTLEMENT)
    assert isinstance(refused, Refusal)
    assert not any("51010219381005541X" in one.message + one.masked for one in refused.violations)

"""Files that people write: every mistake is told with file, line and the name that was probably meant, all at once."""

from pathlib import Path

import pytest

from streams.errors import Misconfigured
from streams.mapping import BadFiles, check_files, load_site
from streams.mapping.mapping_file import MappingFile
from streams.mapping.reading import parse, read

FOLDER = Path(__file__).parents[3] / "contract" / "mapping"
SITE = (FOLDER / "site.yaml").read_text(encoding="utf-8")
MAPPING = (FOLDER / "mapping.yaml").read_text(encoding="utf-8")


@pytest.fixture
def problems(tmp_path):
    """Write a site and a mapping with changes (old text → new text); returns what load_site complains about."""

    def load(*, site=(), mapping=()):
        for name, text, changes in (("site.yaml", SITE, site), ("mapping.yaml", MAPPING, mapping)):
            changed = text
            for old, new in changes:
                assert old in changed, old
                changed = changed.replace(old, new, 1)
            (tmp_path / name).write_text(changed, encoding="utf-8")
        try:
            load_site(tmp_path / "site.yaml")
        except BadFiles as bad:
            return [str(problem).removeprefix(f"{tmp_path}/") for problem in bad.problems]
        return []

    return load


def test_the_contract_site_is_right(problems):
    """The tests below change one thing each; this is what they start from."""
    assert [] == problems()


def test_errors_are_the_users_to_mend():
    """The command line turns Misconfigured into exit code 2."""
    assert issubclass(BadFiles, Misconfigured)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("key: [charge_id]", "kay: [charge_id]", "tables[2].kay: is not known here (did you mean `key`?)"),
        (
            "role: fee,",
            "role: fees,",
            "tables[2].role: must be one of visit, settlement, fee, header, link, lookup (did you mean `fee`?)",
        ),
        ("PAY_LOC: {constant", "PAY_LOCK: {constant", "fields.PAY_LOCK: is no field of mdtrt_d (did you mean `PAY_LOC`?)"),
        ("dictionary: sex}", "dictionary: sxe}", "GEND.dictionary: `sxe` is no dictionary of this file (did you mean `sex`?)"),
        ("{lookup: patient,", "{lookup: patients,", "lookup: `patients` is no lookup table of this file (did you mean `patient`?)"),
        (
            "by: [patient_id], column: cert_type",
            "by: [patient_id, org], column: cert_type",
            "by: names 2 values, the key of `his.patient` has 1",
        ),
        ("AGE: {column: age, of: visit}", "AGE: {column: age, of: fee}", "AGE.of: a settlement record cannot read the fee row"),
        (
            "HOSP_LV: {institution: level}",
            "HOSP_LV: {institution: value.lv}",
            "these institutions of site.yaml have no `lv`: H36110200001",
        ),
        ("      PRIC: price\n", "", "1 required fields have no source: PRIC (单价,医药机构上传)"),
        ("money: fen", "money: jiao", "MEDFEE_SUMAMT.money: must be one of yuan, fen"),
        ("AGE: age", "AGE: {column: age, time: wall}", "AGE.time: means nothing for AGE (decimal)"),
        ("MED_TYPE: med_type", "MED_TYPE: {column: med_type, pad_zeros: true}", "MED_TYPE.pad_zeros: MED_TYPE is never rewritten"),
        ("PAY_LOC: {constant: 2}", "PAY_LOC: {constant: 2222222}", "its constant or default does not fit: LENGTH"),
        ("VALI_FLAG: {constant: 1}", "VALI_FLAG: {constant: 7}", "its constant or default does not fit: DICTIONARY"),
        ("over, default: 0", "over, default: nothing", "OVERLMT_SELFPAY: its constant or default does not fit: DECIMAL"),
        ("M: 1, F: 2", "M: 1, F: 7", "dictionaries.sex.codes.F: `7` is no code of GEND; known: 0, 1, 2, 9"),
        (
            "sex:\n    codes: {M: 1, F: 2}",
            "sex: {default: 7, codes: {M: 1, F: 2}}",
            "dictionaries.sex.default: `7` is no code of GEND; known: 0, 1, 2, 9",
        ),
        (
            "care:\n    codes: {O: outpatient, I: inpatient}",
            "care: {default: inn, codes: {O: outpatient, I: inpatient}}",
            "dictionaries.care.default: `inn` is no kind of care",
        ),
        ("I: inpatient}", "I: inpatiant}", "care.codes.I: `inpatiant` is no kind of care"),
        ("visit: org,", "", "institution.visit: is missing, although there is a visit table"),
        (
            "visit: org,",
            "visit: {constant: H36110200002},",
            "`H36110200002` is no institution of the site (did you mean",
        ),
        (
            "out_dept, dept]",
            "{column: out_dept, default: 1}, dept]",
            "first_of[0]: conversions belong to the outer source: default",
        ),
        ("AGE: age", "AGE: {column: age, constant: 1}", "AGE: needs exactly one of column, constant, institution, first_of"),
        ("table: his.charge", "table: charge", "tables[2].table: must be `schema.table`"),
        ("table: his.charge", "table: his.settle", "tables[2].table: `his.settle` is listed 2 times"),
        ("BKKP_SN: charge_id", "BKKP_SN: rx", "BKKP_SN: must be the key of the fee table (charge_id)"),
        ("settlement: settle_no}", "settlement: settle_no, lookup: x}", "tables[2]: only a lookup table has `lookup`"),
        (
            "role: settlement, key: [settle_no]",
            "role: settlement, key: [settle_no, year]",
            "tables[1].key: is of 2 columns (settle_no, year), but lines name their settlement by one column (his.charge by",
        ),
    ],
)
def test_a_mistake_in_a_mapping_is_told_with_its_line(problems, old, new, message):
    """A mapping is written by an integrator who has never seen this product's code."""
    found = problems(mapping=[(old, new)])
    assert [one for one in found if message in one], found
    line = 1 + MAPPING[: MAPPING.index(old)].count("\n")
    if "have no source" not in message and "listed" not in message:
        assert any(one.startswith(f"mapping.yaml:{line}:") for one in found), found


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("site: contract", "sight: contract", "sight: is not known here (did you mean `site`?)"),
        ("port: 5432", "port: 543210", "sources.his.port: must be at most 65535"),
        ("code: H36110200001", "code: H3611", "institutions[0].code: must be H (hospital) or P (pharmacy) and 11 digits"),
        ("his_codes: [02]", "his_codes: [01]", "institutions[1]: `01` names more than one institution"),
        (", public_key_file: keys/p2.pem", "", "institutions[1].public_key_file: is missing"),
        ("sslmode: disable", "sslmode: maybe", "sources.his.sslmode: must be one of disable, require, verify-ca, verify-full"),
        ("mapping: mapping.yaml", "mapping: mapings.yaml", "mapings.yaml: cannot be read: No such file or directory"),
        ("site: contract", "site: contract\nrules: {R111: off}", "rules.R111: is no rule (did you mean `R1`?)"),
        ("site: contract", "site: contract\nrules: {R2: refuse}", "rules.R2: can only warn"),
        ("site: contract", "site: contract\nrules: {R1: of}", "rules.R1: must be one of off, warn, refuse (did you mean `off`?)"),
        ("site: contract", "site: contract\ntimezone: Asia/Shangrao", "timezone: `Asia/Shangrao` is no time zone"),
        ("site: contract", "site: contract\nsite: other", "site: stands here for the second time"),
        ("site: contract", "site: contract\njoin: {wait_min: 5}", "join.wait_min: is not known here"),
        ("site: contract", "site: contract\nplatform: [", "is not YAML"),
        ("site: contract", "site: contract\ndictionaries: none.json", "dictionaries: "),
    ],
)
def test_a_mistake_in_a_site_is_told(problems, old, new, message):
    """Settings are wrong at the start or at night; at the start is better."""
    found = problems(site=[(old, new)])
    assert [one for one in found if message in one], found


@pytest.mark.parametrize(
    ("old", "insecure", "secure"),
    [
        ("127.0.0.1:9092", "kafka.his:9092", "kafka.his:9092, security: {insecure: true}"),
        ("127.0.0.1:9092", '"127.0.0.1:9092,kafka.his:9092"', '"127.0.0.1:9092,kafka.his:9092", security: {protocol: SSL}'),
        ("url: http://127.0.0.1:8083", "url: http://connect.his", "url: https://connect.his"),
        ("url: http://127.0.0.1:8083", "url: http://connect.his", "url: http://connect.his, insecure: true"),
        ("host: 127.0.0.1", "host: db.his", "host: db.his\n    insecure: true"),
        ("host: 127.0.0.1", "host: 127.0.0.1.example.org", "host: localhost"),
        ("http://127.0.0.1:8800", "http://10.0.0.1:8800, encrypt: false", "http://10.0.0.1:8800, encrypt: false, insecure: true"),
        ("http://127.0.0.1:8800", "http://10.0.0.1:8800, encrypt: false", "http://10.0.0.1:8800"),
    ],
)
def test_what_is_less_than_secure_needs_its_flag(problems, old, insecure, secure):
    """Patients' data crosses a hospital's network by decision, not by default."""
    found = problems(site=[(old, insecure)])
    assert 1 == len(found)
    assert "insecure" in found[0]
    assert [] == problems(site=[(old, secure)])


@pytest.mark.parametrize(
    ("settlement", "second", "found"),
    [
        (", settlement: settle_no", "{table: his.old_charge, role: fee, key: [charge_id], visit_key: visit_id}", ["tables[1].key"]),
        (
            ", settlement: settle_no",
            "{table: his.stay, role: settlement, key: [settle_no], visit_key: visit_id}",
            ["tables[1].key"],
        ),
        ("", "", []),
    ],
    ids=["lines with and without a link", "settlements with both keys", "no line names one"],
)
def test_a_settlement_key_of_several_columns_is_refused_where_no_line_could_match_it(problems, settlement, second, found):
    """Such lines would wait for ever, and be told as missing a settlement that is there."""
    composite = ("role: settlement, key: [settle_no]", "role: settlement, key: [settle_no, year]")
    link = (", settlement: settle_no", settlement)
    more = ("  - {table: his.patient", f"  - {second}\n  - {{table: his.patient") if second else ("tables:", "tables:")
    assert found == [one.split(": ")[1] for one in problems(mapping=[composite, link, more]) if "would never find" in one]


def test_settlements_with_a_longer_key_may_have_the_lines_without_a_link(problems):
    """Outpatients' lines name theirs, inpatients' belong to the only one of the stay."""
    stay = "{table: his.stay, role: settlement, key: [settle_no, year], visit_key: visit_id}"
    line = "{table: his.stay_charge, role: fee, key: [charge_id], visit_key: visit_id}"
    assert [] == problems(mapping=[("  - {table: his.patient", f"  - {stay}\n  - {line}\n  - {{table: his.patient")])


def test_all_mistakes_of_all_files_are_told_at_once(problems):
    """Whoever writes a mapping of 159 fields must not find its errors one by one."""
    found = problems(
        site=[("port: 5432", "prt: 5432")],
        mapping=[("key: [charge_id]", "kay: [charge_id]"), ("money: fen", "money: jiao")],
    )
    assert 2 == len([one for one in found if one.startswith("site.yaml")])
    both = problems(site=[("his_codes: [02]", "his_codes: [01]")], mapping=[("PAY_LOC: {", "PAY_LOK: {"), ("CNT: q", "CNTT: q")])
    assert {"site.yaml", "mapping.yaml"} == {one.split(":")[0] for one in both}
    assert len(both) >= 5


def test_scalars_are_read_as_they_stand(tmp_path):
    """YAML makes 1 of 01, False of no, and loses digits of long numbers; a code is none of that."""
    file = tmp_path / "m.yaml"
    file.write_text(
        "mapping: m\ntables: [{table: a.b, role: lookup, key: [id]}]\ninstitution: {}\nrecords: {}\n"
        "dictionaries: {d: {codes: {01: 010, no: yes, 1234567890123456789: 2024-01-01, 1.50: ~}}}\n"
    )
    document = read(file)
    parse(document, MappingFile)
    assert ["dictionaries.d.codes.1.50: is empty"] == [f"{one.place}: {one.what}" for one in document.problems]
    file.write_text(file.read_text().replace(", 1.50: ~", ""))
    written = parse(read(file), MappingFile)
    assert {"01": "010", "no": "yes", "1234567890123456789": "2024-01-01"} == written.dictionaries["d"].codes


def test_files_that_are_not_yaml_are_problems_not_crashes(tmp_path):
    """An editor that saves GBK, an empty file, a list: each gets its sentence."""
    file = tmp_path / "site.yaml"
    for content, message in [
        (b"site: \xd2\xff", "is not UTF-8"),
        (b"", "is missing"),
        (b"- a", "must hold `name: value` entries"),
        (b"a: &x [*x]", "contains itself"),
    ]:
        file.write_bytes(content)
        with pytest.raises(BadFiles, match=message):
            load_site(file)


def test_what_workers_keep_stands_beside_the_site_file_wherever_they_are_started(tmp_path, problems, monkeypatch):
    """Two sites started from one directory would take each other's state; the demonstration's workers start in `/`."""
    assert "workers:" not in SITE
    assert [] == problems()
    monkeypatch.chdir("/")

    assert tmp_path / ".yibao" == load_site(tmp_path / "site.yaml").workers.home


@pytest.mark.parametrize("load", [load_site, check_files])
def test_a_site_that_is_not_there_is_told_with_how_another_is_named(load, tmp_path):
    """In the wrong folder at three in the morning, `No such file` helps nobody."""
    with pytest.raises(BadFiles, match=r"site\.yaml: there is no such file: name the site's file by -c FILE, .*YIBAO_CONFIG"):
        load(tmp_path / "site.yaml")

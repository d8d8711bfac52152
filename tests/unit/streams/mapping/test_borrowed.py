"""A lookup that another database of the site fills: one hospital system over two databases."""

import orjson
import pytest

from streams.domain.normalise.record import normalise
from streams.domain.records import MissingLookup, Record, SourceRows
from streams.lane_wiring import lookup_tables
from streams.mapping import BadFiles, capture_sources, compile_site
from streams.mapping.taking import taken_rows
from streams.rehearsal.lookups import LookupRows
from streams.spec.fields import ServiceCode
from tests.unit.streams.mapping.test_formulas import CASES, TODAY, Patients
from tests.unit.streams.mapping.test_two_databases import FIRST, load

PATIENTS = "  - {table: his.patient, role: lookup, key: [patient_id], lookup: patient}\n"
LENT = "borrowed: {patient: other}\n" + FIRST.replace(PATIENTS, "")
BASE = f"mapping: base\ninstitution: {{}}\nrecords: {{}}\nnulls: [none]\ntables:\n{PATIENTS}"


def lent(folder, *, first=LENT, base=BASE):
    """The contract's site, whose patients stand in a second database that holds nothing else."""
    return load(folder, second="base.yaml", mapping=base, first=first)


def told(folder, **how):
    with pytest.raises(BadFiles) as bad:
        lent(folder, **how)
    return "\n".join(str(problem) for problem in bad.value.problems)


def test_the_database_that_has_the_table_captures_what_the_other_reads_of_it(tmp_path):
    """A column that is not captured is NULL for ever."""
    his, base = capture_sources(lent(tmp_path))
    assert "his.patient" not in {table.name for table in his.tables}
    (patient,) = base.tables
    assert ("patient_id", "born_at", "cert_no", "cert_type", "name", "sex") == patient.columns
    assert ({"born_at"}, "patient") == (patient.instants, patient.lookup)
    assert "BRDY" in {reading.field for reading in patient.readings}


def test_records_find_its_rows_as_if_they_were_their_own(tmp_path):
    site = lent(tmp_path)
    (table,) = lookup_tables(site).values()
    assert (("patient_id",), "patient") == (table.key, table.name)
    mapping = compile_site(site)["his"]

    def made(lookups):
        return normalise(mapping, ServiceCode.VISIT, SourceRows(**CASES["rows"]), lookups, today=TODAY)

    assert isinstance(found := made(Patients()), Record)
    assert "张三" == orjson.loads(found.value)["PSN_NAME"]

    assert isinstance(missing := made(LookupRows(lookup_tables(site))), MissingLookup)
    assert mapping.lookups[missing.lookup].name == "his.patient"


def test_a_lookup_that_is_found_otherwise_from_now_on_names_the_rows_that_it_decides(tmp_path):
    """The rows were built with another one's row: they are to be read again."""
    before = taken_rows(lent(tmp_path))["his"]["his.visit"]
    assert before != taken_rows(lent(tmp_path, base=BASE.replace("[none]", "[-]")))["his"]["his.visit"]
    named = BASE.replace("key: [patient_id]", "key: [id], named_by: [patient_id], latest: changed_at")
    assert before != taken_rows(lent(tmp_path, base=named))["his"]["his.visit"]


@pytest.mark.parametrize(
    ("first", "base", "said"),
    [
        (LENT.replace("other}", "othr}"), BASE, "`othr` is no source of the site (did you mean `other`?)"),
        (LENT.replace("other}", "his}"), BASE, "`his` is this mapping's own source"),
        (LENT.replace("patient: other", "patients: other"), BASE, "source `other` has no lookup `patients`"),
        (LENT, BASE.replace("[patient_id]", "[patient_id, part]"), "the key of `his.patient` has 2 columns"),
        ("borrowed: {patient: other}\n" + FIRST, BASE, "`patient` is a lookup table of this file, too"),
    ],
)
def test_what_cannot_be_borrowed_is_told(tmp_path, first, base, said):
    assert said in told(tmp_path, first=first, base=base)

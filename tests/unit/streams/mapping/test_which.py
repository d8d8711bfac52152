"""Which rows of a table count: what a mapping may write, what is told before it runs, and what the stages make of it."""

import orjson
import pytest

from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.place.going import NOTHING
from streams.fold_wiring import placer_of
from streams.mapping import compile_site
from streams.mapping.columns import columns_by_table
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, LIMITS, PATIENT, SETTLE, VISIT, Join, envelope
from tests.unit.streams.mapping.changed_site import load_changed

VISITS = "{table: h.visit, role: visit, key: [visit_id], visit_key: visit_id"
CHARGES = "{table: h.charge, role: fee, key: [charge_id], visit_key: visit_id, settlement: settle_no"
PATIENTS = "{table: h.patient, role: lookup, key: [patient_id], lookup: patient"
SELF_PAID = "where: {category: {lookup: patient, by: patient_id, not: [self]}}"


@pytest.fixture
def load(tmp_path):
    """The site of the tests of the join, with something more said of its tables (table as written → more)."""

    def loaded(**more):
        def change(text):
            for start in (VISITS, CHARGES, PATIENTS):
                name = start.partition("h.")[2].partition(",")[0]
                text = text.replace(start, f"{start}, {more[name]}") if name in more else text
            return text

        return load_changed(tmp_path, change)

    return loaded


class Both(Join):
    """One partition behind the place stage."""

    def of(self, site):
        self.site, self.placer, self.going, compiled = site, placer_of(site), NOTHING, compile_site(site)
        self.joiner = Joiner(compiled, LIMITS, zone=compiled["his"].dialect.zone)
        return self

    def happens(self, table, row, op="c", *, before=None, key=b"{}"):
        self.place += 1
        value = envelope(table, op, row, at=self.place, before=before, txId=self.place, ts_us=(self.now + self.place) * 1000)
        folded = self.placer.fold(Incoming("rows.his", 0, self.place, key, value, (), self.now), source="his", going=self.going)
        self.going = folded.going
        for one in folded.placed:
            self.send(one.value, headers=(("from", b"his/b"), ("seq", b"1"), *one.headers), key=one.key)
        return folded


@pytest.mark.parametrize(
    ("values", "counting", "others"),
    [
        ("[5, 6]", ["5", " 6 ", "5.00"], ["1", "05", "55", None, ""]),
        ("5", ["5"], ["6"]),
        ('["", 0]', [None, "", "  ", "0", "0.0"], ["1", "00"]),
        ("{not: [cancelled]}", ["paid", None, "Cancelled"], ["cancelled", "cancelled "]),
        ("{in: [true]}", [True, "true"], [False, None]),
    ],
)
def test_values_are_compared_as_text_without_blanks_at_their_ends(load, values, counting, others):
    """A status is a number here and a char(4) there; `""` is how a mapping writes NULL."""
    which = compile_site(load(charge=f"where: {{status: {values}}}"))["his"].tables["h.charge"].which
    assert [True] * len(counting) == [which.image_counts({"status": one}) for one in counting]
    assert [False] * len(others) == [which.image_counts({"status": one}) for one in others]
    assert which.image_counts({}) is None


def test_what_decides_is_captured(load):
    """And of a lookup too: nothing else leaves the database, so what is not named would never come."""
    columns = columns_by_table(load(charge="where: {status: [5], deleted: {not: [1]}}", visit=SELF_PAID).mappings["his"])
    assert {"status", "deleted"} <= set(columns["h.charge"])
    assert ("category" in columns["h.patient"], "category" in columns["h.visit"]) == (True, False)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"charge": "where: {status: []}"}, "tables[2].where.status: needs exactly one of `in` and `not`"),
        ({"charge": "where: {status: {in: [5], not: [6]}}"}, "tables[2].where.status: needs exactly one of `in` and `not`"),
        ({"charge": "where: {status: {is: [5]}}"}, "tables[2].where.status.is: "),
        ({"charge": "were: {status: [5]}"}, "tables[2].were: is not known here (did you mean `where`?)"),
        ({"charge": "where: {status: {lookup: patient, in: [5]}}"}, "tables[2].where.status: `lookup` and `by` need each other"),
        (
            {"charge": "where: {status: {absent: empty, in: [5]}}"},
            "tables[2].where.status: `absent` makes sense only with `lookup`",
        ),
        (
            {"visit": SELF_PAID.replace("lookup: patient", "lookup: patiant")},
            "tables[0].where.category.lookup: `patiant` is no lookup table of this file (did you mean `patient`?)",
        ),
        (
            {"visit": SELF_PAID.replace("by: patient_id", "by: [org, patient_id]")},
            "tables[0].where.category.by: names 2 columns, the key of `h.patient` has 1",
        ),
    ],
)
def test_what_cannot_be_asked_is_told_before_it_runs(load, more, message):
    """With its place, and all of it at once."""
    told = load(**more)
    assert [one for one in told if one.startswith(message)], told


def test_a_draft_is_nothing_until_it_counts_and_goes_when_it_is_cancelled(load):
    """Entered, settled, cancelled: the platform hears of the line once, and a person of its end."""
    both = Both().of(load(charge="where: {status: [5]}"))
    both.happens("h.visit", VISIT)
    both.happens("h.settle", SETTLE)
    draft = CHARGE | {"status": "1"}
    assert ("not_counted", ()) == both.happens("h.charge", draft)[1::-1]
    both.happens("h.charge", CHARGE | {"status": "5"}, "u", before=draft)
    assert ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"] == both.reported()
    both.happens("h.charge", CHARGE | {"status": "9"}, "u", before=CHARGE | {"status": "5"})
    both.tick(after_ms=DAY_MS)
    assert (["WITHDRAWN DELETED_AFTER_REPORT"], ["V1 fee_list_d C1"]) == (both.letters(), both.recalled())


def test_what_is_read_and_does_not_count_leaves_nothing_behind(load):
    """A first reading of ten million drafts must not fill the state with rows that are not there."""
    both = Both().of(load(charge="where: {status: [5]}"))
    both.happens("h.charge", CHARGE | {"status": "1"}, "r")
    assert (0, 1) == (len(both.rows()), both.counts["not_counted"])
    both.happens("h.charge", CHARGE | {"status": "5"}, "r")
    both.happens("h.charge", CHARGE | {"status": "1"}, "r")
    assert [True] == [row.deleted for row in both.rows()]


def test_who_pays_alone_is_told_by_the_patient(load):
    """The category stands in the lookup: until that is there, nobody knows, and the visit waits for it."""
    both = Both().of(load(visit=SELF_PAID))
    both.patients = {}
    both.happens("h.visit", VISIT)
    both.happens("h.settle", SETTLE)
    assert ([], ["lookup patient", "unreported"]) == (both.reported(), sorted(row.waits_for for row in both.rows()))
    both.patients = {("P1",): PATIENT | {"category": "insured"}}
    both.tick()
    assert ["mdtrt_d V1", "setl_d S1"] == both.reported()


def test_whose_category_says_later_that_he_pays_alone_is_not_reported(load):
    """His visit goes as if it had been deleted: what belongs to it waits for a visit that is not there."""
    both = Both().of(load(visit=SELF_PAID))
    both.patients = {}
    both.happens("h.visit", VISIT)
    both.happens("h.settle", SETTLE)
    both.patients = {("P1",): PATIENT | {"category": "self"}}
    both.tick()
    both.tick(after_ms=DAY_MS)
    assert ([], ["JOIN_INCOMPLETE MISSING_VISIT"]) == (both.reported(), both.letters())


def test_a_reported_visit_whose_category_changes_is_withdrawn_with_its_next_change(load):
    """Lookups are read when a record is made: so is what they say of whether it counts."""
    both = Both().of(load(visit=SELF_PAID))
    both.patients = {("P1",): PATIENT | {"category": "insured"}}
    both.happens("h.visit", VISIT)
    both.patients = {("P1",): PATIENT | {"category": "self"}}
    both.happens("h.visit", VISIT | {"ward": "外科"}, "u", before=VISIT)
    both.tick(after_ms=DAY_MS)
    assert (["mdtrt_d V1"], ["WITHDRAWN DELETED_AFTER_REPORT"]) == (both.reported(), both.letters())


def test_a_letter_about_a_category_that_never_comes_names_its_row(load):
    """Otherwise nobody knows which of the lookups to fill."""
    both = Both().of(load(visit=SELF_PAID))
    both.patients = {}
    both.happens("h.visit", VISIT)
    both.tick(after_ms=DAY_MS)
    (letter,) = both.dead
    assert ("MISSING_LOOKUP", True) == (letter.rule, "h.patient.patient_id=" in orjson.dumps(letter.message).decode())

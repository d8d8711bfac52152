"""Lookups of which several rows share what they are asked by: the one that counts and is the latest is meant."""

from random import Random

import orjson
import pytest

from streams.domain.changes import Incoming
from streams.domain.normalise.choosing import Choice, rank_of
from streams.domain.records import UNDECIDED
from streams.lane_wiring import lookup_tables
from streams.lanes.join.lookups import LookupTable, LookupTables
from streams.mapping.columns import columns_by_table
from streams.telemetry.outcomes import Outcomes
from tests.unit.streams.domain.join.join_rig import DAY_MS, PATIENT, VISIT
from tests.unit.streams.mapping.changed_site import load_changed
from tests.unit.streams.mapping.test_which import PATIENTS, Both

LATEST = "key: [id], named_by: patient_id, latest: at"
COUNTING = LATEST + ", where: {state: {not: [void]}}"


@pytest.fixture
def load(tmp_path):
    """The site of the tests of the join, whose patients have several rows each."""

    def loaded(more=COUNTING, visits=""):
        def change(text):
            text = text.replace(PATIENTS, PATIENTS.replace("key: [patient_id]", more))
            return text.replace("{table: h.visit, role: visit,", f"{{table: h.visit, role: visit,{visits}")

        return load_changed(tmp_path, change)

    return loaded


class Known(LookupTables):
    """The lookups of a site, and what capture says of them."""

    def __init__(self, site):
        self.offset, ((self.topic, _),) = 0, (tables := lookup_tables(site)).items()
        super().__init__(None, tables, outcomes=Outcomes("join"))

    def happens(self, op, place=None, **row):
        """place: its place in the log, where that is one of before."""
        self.offset += 1
        block = {
            "connector": "postgresql",
            "name": "his",
            "schema": "h",
            "table": "patient",
            "ts_ms": 1,
            "lsn": place or self.offset,
        }
        said = {"op": op, "source": block, "before": row if op == "d" else None, "after": None if op in "td" else row}
        self.take([Incoming(self.topic, 0, self.offset, b"k", orjson.dumps(said), (), 1)])
        return self

    def name(self, patient="P1"):
        row = self.find("patient", (patient,))
        return row and row["name"]


def of(number, name, at, patient="P1", state=None):
    return {"id": number, "patient_id": patient, "name": name, "at": at, "state": state, "cert_no": PATIENT["cert_no"]}


def test_the_latest_row_is_meant_in_whatever_order_they_come(load):
    """The one captured last is not the newest by that alone."""
    for order in ((1, 2, 3), (3, 1, 2), (2, 3, 1)):
        known = Known(load())
        for number in order:
            known.happens("c", **of(f"{number}", f"N{number}", f"2024-05-0{number}T08:00:00Z"))
        assert "N3" == known.name()


def test_a_meant_row_that_changes_or_goes_leaves_its_place_to_the_next(load):
    """And one that stops counting; what is left in the end is nothing."""
    known = Known(load())
    first, second = of("1", "甲", "1"), of("2", "乙", "2")
    assert "乙" == known.happens("c", **first).happens("c", **second).name()
    assert "甲" == known.happens("u", **second | {"at": "0"}).name()
    assert "乙" == known.happens("u", **second | {"at": "10"}).name()
    assert "甲" == known.happens("u", **second | {"state": "void"}).name()
    assert ("甲", "乙") == (known.happens("u", **second | {"patient_id": "P2"}).name(), known.name("P2"))
    assert (None, "乙") == (known.happens("d", **first).name(), known.name("P2"))
    assert (None, None) == (known.happens("t").name(), known.name("P2"))


def test_of_rows_that_are_equally_new_nobody_knows_which(load):
    """Unless they say the same. A later one decides."""
    known = (
        Known(load()).happens("c", **of("1", "甲", "2024-05-01 08:00:00")).happens("c", **of("2", "甲", "2024-05-01T08:00:00.000Z"))
    )
    assert UNDECIDED is not known.find("patient", ("P1",))
    known = Known(load()).happens("c", **of("1", "甲", "1")).happens("c", **of("2", "乙", "1.00"))
    assert UNDECIDED is known.find("patient", ("P1",))
    assert "丙" == known.happens("c", **of("3", "丙", "1.5")).name()


def test_what_is_sent_again_brings_no_older_row_back(load):
    """Capture sends what it sent before after every restart."""
    known = Known(load()).happens("c", **of("1", "甲", "1")).happens("u", **of("1", "乙", "2"))
    assert "乙" == known.happens("c", place=1, **of("1", "甲", "1")).name()


def test_values_are_compared_as_numbers_or_as_texts():
    """9 is before 10, and half a second after the second; nothing is before everything."""
    said = [None, "-1", "9", "10.0", "20240501", "2024-05-01T09:00:00Z", "2024-05-01T09:00:00.5Z", "2024-05-02"]
    assert said == sorted(said, key=rank_of)
    assert rank_of("10") == rank_of(" 10.00 ")


def test_the_choice_is_the_same_by_whatever_way_the_rows_came_to_be():
    """Random courses, against a look at all rows that are there in the end."""
    for seed in range(200):
        rng, choice = Random(seed), Choice(("id",), ("patient_id",), "at")
        rows, known = {}, Known.__new__(Known)
        known.offset, known.topic = 0, "t"
        table = {"t": lookup_table(choice)}
        LookupTables.__init__(known, None, table, outcomes=Outcomes("join"))
        for _ in range(rng.randint(1, 20)):
            number = f"{rng.randint(1, 4)}"
            if number in rows and rng.random() < 0.3:
                known.happens("d", **rows.pop(number))
                continue
            row = of(number, rng.choice("甲乙"), rng.choice(["1", "2", None]), rng.choice(["P1", "P2", None]))
            known.happens("u" if number in rows else "c", **row)
            rows[number] = row
        for patient in ("P1", "P2"):
            mine = [row for row in rows.values() if row["patient_id"] == patient]
            newest = max((row["at"] or "" for row in mine), default="")
            names = {row["name"] for row in mine if (row["at"] or "") == newest}
            found = known.find("patient", (patient,))
            assert (len(names), names if len(names) == 1 else None) == (
                0 if found is None else 1 if found else 2,
                {found["name"]} if found else None,
            ), seed


def lookup_table(choice):
    return LookupTable(name="patient", key=("id",), choice=choice)


def test_a_record_waits_while_nobody_knows_which_row_is_meant(load):
    """Also where an absent row would let the field be empty: that one is there."""
    both = Both().of(site := load())
    known = Known(site).happens("c", **of("1", "甲", "1")).happens("c", **of("2", "乙", "1"))
    both.find = known.find
    both.happens("h.visit", VISIT)
    assert ["lookup patient"] == [row.waits_for for row in both.rows()]
    known.happens("u", **of("2", "乙", "2"))
    both.tick()
    assert ["mdtrt_d V1"] == both.reported()
    both.tick(after_ms=DAY_MS)
    assert [] == both.letters()


def test_what_decides_is_captured(load):
    """Of the lookup: its key, what it is asked by, and by which its rows count."""
    assert {"id", "patient_id", "at", "state"} <= set(columns_by_table(load().mappings["his"])["h.patient"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("key: [id], named_by: patient_id", "tables[3]: `named_by` and `latest` need each other on a lookup table"),
        ("key: [id], latest: at", "tables[3]: `named_by` and `latest` need each other on a lookup table"),
        ("key: [id], named_by: patient_id, lastest: at", "tables[3].lastest: is not known here (did you mean `latest`?)"),
        (
            LATEST.replace("named_by: patient_id", "named_by: [org, patient_id]"),
            "records.mdtrt_d.fields.CERTNO.by: names 1 values, the `named_by`",
        ),
        (LATEST + ", where: {a: {lookup: patient, by: id, in: [1]}}", "tables[3].where.a.lookup: cannot be asked of a lookup"),
    ],
)
def test_what_cannot_be_chosen_is_told_before_it_runs(load, more, message):
    """With its place, and the nearest name."""
    told = load(more)
    assert [one for one in told if one.startswith(message)], told


def test_only_a_lookup_has_a_latest_row(load):
    """Of a visit nothing is chosen: several are told."""
    told = load("key: [patient_id]", " latest: at,")
    assert [one for one in told if one.startswith("tables[0]: only a lookup table has `latest`")], told

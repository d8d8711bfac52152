"""Columns of a header in the records of the rows under it: of visits, settlements and lines, also as the key of a lookup; and
headers that a job moves from a day to a year table.
"""

from dataclasses import replace

import orjson
import pytest

from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.ticks import tick_value
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, LIMITS, PATIENT, SETTLE, SITE, VISIT, envelope
from tests.unit.streams.domain.join.test_under_header import Both

HOUR_MS = 3_600_000
THREE = ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"]
TABLES = """tables:
  - {table: h.visit, role: visit, key: [visit_id], under: [h.admission, h.old_admission], header: visit_id}
  - {table: h.admission, role: header, key: [visit_id], visit_key: visit_id, moves: admission}
  - {table: h.old_admission, role: header, key: [visit_id], visit_key: visit_id, moves: admission}
  - {table: h.settle, role: settlement, key: [settle_no], under: [h.paper, h.old_paper], header: paper_no}
  - {table: h.paper, role: header, key: [paper_no], visit_key: visit_id, moves: paper}
  - {table: h.old_paper, role: header, key: [row_id], named_by: paper_no, visit_key: visit_id, moves: paper}
  - {table: h.charge, role: fee, key: [charge_id], under: [h.rx, h.old_rx], header: rx_no, settlement: settle_no}
  - {table: h.rx, role: header, key: [rx_no], under: [h.admission, h.old_admission], header: visit_id, moves: rx}
  - {table: h.old_rx, role: header, key: [rx_no], under: [h.admission, h.old_admission], header: visit_id, moves: rx}
"""
FIELDS = [
    ("mdtrt_d", "ADM_DEPT_NAME: ward", "ADM_DEPT_NAME: {column: ward, of: header}"),
    ("mdtrt_d", "by: [patient_id], column: name", "by: [{column: patient_id, of: header}], column: name"),
    ("setl_d", "MDTRT_ID: visit_id", "MDTRT_ID: {column: visit_id, of: header}"),
    ("setl_d", "SETL_TIME: settled_at", "SETL_TIME: {column: settled_at, of: header}"),
    ("fee_list_d", "MDTRT_ID: visit_id", "MDTRT_ID: {column: visit_id, of: visit}"),
    ("fee_list_d", "FEE_OCUR_TIME: occurred_at", "FEE_OCUR_TIME: {column: ordered_at, of: header}"),
]
ADMISSION = {"visit_id": "V1", "ward": "骨科", "patient_id": "P2"}
PAPER = {"paper_no": "9", "visit_id": "V1", "settled_at": "2024-05-01T13:00:00Z"}
RX = {"rx_no": "7", "visit_id": "V1", "ordered_at": "2024-05-01T09:00:00Z"}
LINE = {name: value for name, value in CHARGE.items() if name not in ("visit_id", "occurred_at")} | {"rx_no": "7"}
BILL = {name: value for name, value in SETTLE.items() if name != "visit_id"} | {"paper_no": "9"}
HEADERS = {"h.admission": ADMISSION, "h.paper": PAPER, "h.rx": RX}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of the join's tests, each of whose rows hangs under a header that has a part of what is reported."""
    folder = tmp_path_factory.mktemp("site")
    for file in SITE.parent.iterdir():
        text = file.read_text(encoding="utf-8")
        if file.name == "his.yaml":
            begin, end = text.index("tables:"), text.index("  - {table: h.patient")
            text = text[:begin] + TABLES + text[end:]
            for service, old, new in FIELDS:
                at = text.index(f"  {service}:")
                assert old in text[at:], old
                text = text[:at] + text[at:].replace(old, new, 1)
        (folder / file.name).write_text(text, encoding="utf-8")
    return load_site(folder / SITE.name)


class Dated(Both):
    """The database's clock is that of the messages."""

    def happens(self, op, table, row, before=None):
        self.place += 1
        return self.captured(envelope(table, op, row, at=self.place, before=before, source="his", committed_at=self.now))


@pytest.fixture
def both(site):
    """A reported visit."""
    both = Dated(patients={("P1",): PATIENT, ("P2",): PATIENT | {"patient_id": "P2", "name": "李小红"}}).over(site)
    limits = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=10_000))
    both.joiner = Joiner(compile_site(site), limits, zone=compile_site(site)["his"].dialect.zone)
    for table, row in (*HEADERS.items(), ("h.visit", VISIT), ("h.settle", BILL), ("h.charge", LINE)):
        both.happens("c", table, row)
    assert THREE == both.reported()
    return both


def said(both):
    """By service, what was reported last."""
    return {one.record.service.value: orjson.loads(one.record.value) for one in both.ready}


def test_records_of_each_kind_take_what_stands_in_their_header(both):
    """Much of what is reported is written once, on the admission, the invoice or the prescription."""
    visit, settlement, line = (said(both)[service] for service in ("mdtrt_d", "setl_d", "fee_list_d"))
    assert ("骨科", "李小红") == (visit["ADM_DEPT_NAME"], visit["PSN_NAME"])
    assert ("V1", "2024-05-01 13:00:00") == (settlement["MDTRT_ID"], settlement["SETL_TIME"])
    assert "2024-05-01 09:00:00" == line["FEE_OCUR_TIME"]


@pytest.mark.parametrize(
    ("table", "change", "corrected"),
    [
        ("h.admission", {"ward": "外科"}, "mdtrt_d V1"),
        ("h.admission", {"patient_id": "P1"}, "mdtrt_d V1"),
        ("h.paper", {"settled_at": "2024-05-01T14:00:00Z"}, "setl_d S1"),
        ("h.rx", {"ordered_at": "2024-05-01T10:00:00Z"}, "fee_list_d C1"),
    ],
)
def test_what_changes_in_a_header_corrects_what_stands_under_it(both, table, change, corrected):
    """Nothing of these rows themselves changed, so capture never tells of it."""
    both.happens("u", table, HEADERS[table] | change, before=HEADERS[table])
    assert corrected in both.reported()[3:]
    assert ([], 1) == (both.letters(), both.reported()[3:].count(corrected))


@pytest.mark.parametrize("table", HEADERS)
@pytest.mark.parametrize("first", ["deleted", "inserted"])
@pytest.mark.parametrize("hours", [0, 7])
def test_a_header_that_a_job_moves_takes_its_rows_along_without_a_word(both, table, first, hours):
    """They hang under it by its number, wherever it stands; while it is on its way they wait for it."""
    year = table.replace("h.", "h.old_")
    new = HEADERS[table] | ({"row_id": "55"} if table == "h.paper" else {})
    steps = [("d", table, HEADERS[table]), ("c", year, new)]
    for step in steps if first == "deleted" else steps[::-1]:
        both.happens(*step)
        for _ in range(4):
            both.now += max(hours * HOUR_MS // 4, 1)
            both.captured(tick_value(both.now, []))
    for _ in range(8):
        both.now += DAY_MS // 4
        both.captured(tick_value(both.now, []))
    assert (THREE, []) == (both.reported(), both.letters())
    both.happens("u", "h.charge", LINE | {"item": "头孢"}, before=LINE)
    assert [*THREE, "fee_list_d C1"] == both.reported()

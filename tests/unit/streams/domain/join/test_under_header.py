"""Rows that know only their prescription, from capture's message through place and join: where they end, what they report."""

from dataclasses import replace

import orjson
import pytest

from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.place.fold import Placer
from streams.domain.place.going import NOTHING
from streams.domain.series import FROM, NUMBER
from streams.domain.ticks import tick_value
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition
from streams.mapping import compile_site, load_site
from streams.mapping.linking import counting_tables, direct_visit_keys, linked_tables
from streams.mapping.tables import Which
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, SETTLE, SITE, VISIT, Join, envelope

PLAIN = "{table: h.charge, role: fee, key: [charge_id], visit_key: visit_id, settlement: settle_no}"
LINKED = """{table: h.charge, role: fee, key: [charge_id], under: [h.rx, h.old_rx], header: [org, rx_no], settlement: settle_no}
  - {table: h.rx, role: header, key: [org, rx_no], visit_key: visit_id}
  - {table: h.old_rx, role: header, key: [org, rx_no], visit_key: visit_id}"""
RX = {"org": "H", "rx_no": 7, "visit_id": "V1", "ordered_at": "2024-05-01T09:00:00Z"}
WAIT_MS = 900_000
LINE = {name: value for name, value in CHARGE.items() if name not in ("visit_id", "occurred_at")} | {"rx_no": 7}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of the join's tests, with lines that hang under prescriptions and take their time from them."""
    folder = tmp_path_factory.mktemp("site")
    for file in SITE.parent.iterdir():
        text = file.read_text(encoding="utf-8")
        if file.name == "his.yaml":
            fields = text.index("fee_list_d")
            text = text[:fields] + text[fields:].replace("MDTRT_ID: visit_id", "MDTRT_ID: {column: visit_id, of: visit}")
            for old, new in ((PLAIN, LINKED), ("FEE_OCUR_TIME: occurred_at", "FEE_OCUR_TIME: {column: ordered_at, of: header}")):
                assert old in text, old
                text = text.replace(old, new)
        (folder / file.name).write_text(text, encoding="utf-8")
    return load_site(folder / SITE.name)


class Both(Join):
    """One partition behind the place stage of one source."""

    def over(self, site):
        tables = {"linked": linked_tables(site), "counting": counting_tables(site)}
        self.placer = Placer(direct_visit_keys(site), partitions=1, **tables)
        self.state, self.going = PlaceState(TopicPartition("place.state.his", 0)), NOTHING
        mappings = compile_site(site)
        self.joiner = Joiner(mappings, LIMITS, zone=mappings["his"].dialect.zone)
        return self

    def captured(self, value):
        overlay = Overlay(self.state)
        captured = Incoming("rows.his", 0, self.offset, b"{}", value, (), self.now)
        folded = self.placer.fold(captured, overlay, source="his", going=self.going)
        self.going = folded.going
        self.state.apply(folded.state, position=self.offset)
        for one in folded.placed:
            self.send(one.value, headers=((FROM, b"his/b"), (NUMBER, b"1"), *one.headers))
        return folded

    def happens(self, op, table, row, before=None):
        self.place += 1
        return self.captured(envelope(table, op, row, at=self.place, before=before, source="his"))


@pytest.fixture
def both(site):
    both = Both().over(site)
    for table, row in (("h.visit", VISIT), ("h.settle", SETTLE)):
        both.happens("c", table, row)
    return both


def line_of(both):
    return orjson.loads([one.record.value for one in both.ready if one.record.service == "fee_list_d"][-1])


def test_a_line_is_reported_in_the_visit_of_its_prescription_with_what_that_says(both):
    """The platform wants the time of each line, and this hospital writes it on the prescription alone."""
    both.happens("c", "h.charge", LINE)
    assert [] == [one for one in both.reported() if "fee" in one]
    both.happens("c", "h.rx", RX)
    assert ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"] == both.reported()
    assert ("V1", "2024-05-01 09:00:00") == (line_of(both)["MDTRT_ID"], line_of(both)["FEE_OCUR_TIME"])
    assert [] == both.letters()


def test_what_changes_on_a_prescription_corrects_its_lines(both):
    """Nothing of the line itself changed, so capture never tells of it."""
    both.happens("c", "h.rx", RX)
    both.happens("c", "h.charge", LINE)
    both.happens("u", "h.rx", RX | {"ordered_at": "2024-05-01T10:00:00Z"}, before=RX)
    assert "2024-05-01 10:00:00" == line_of(both)["FEE_OCUR_TIME"]
    assert 1 == both.counts["corrected"]


def test_a_line_that_capture_sends_again_changes_nothing(both):
    """After a restart it sends what it sent before, also from before the prescription changed."""
    both.happens("c", "h.rx", RX)
    value = envelope("h.charge", "c", LINE, at=500, source="his")
    both.captured(value)
    told = list(both.ready)
    assert ("repeated", ()) == both.captured(value)[1::-1]
    assert told == both.ready


def test_a_line_whose_prescription_never_comes_is_told_with_its_name(both):
    """A clerk looks for the prescription, so the letter says which."""
    both.happens("c", "h.charge", LINE)
    both.now += WAIT_MS + 1
    both.captured(tick_value(both.now, []))
    assert ["JOIN_INCOMPLETE MISSING_HEADER"] == both.letters()
    (letter,) = both.dead
    assert "h.rx|h.old_rx/H/7" in letter.message
    assert ("h.charge", ("C1",)) == (letter.row.table, letter.row.key)
    both.captured(tick_value(both.now + WAIT_MS, []))
    assert 1 == len(both.dead)
    both.happens("c", "h.rx", RX)
    assert "fee_list_d C1" in both.reported()


def test_prescriptions_that_do_not_agree_are_not_chosen_from(both):
    """The last one captured is never the right one by that alone."""
    both.happens("c", "h.rx", RX)
    both.happens("c", "h.old_rx", RX | {"visit_id": "V2"})
    both.happens("c", "h.charge", LINE)
    both.now += WAIT_MS + 1
    both.captured(tick_value(both.now, []))
    assert ["AMBIGUOUS AMBIGUOUS_HEADER"] == both.letters()
    both.happens("d", "h.old_rx", RX | {"visit_id": "V2"})
    assert "fee_list_d C1" in both.reported()


@pytest.mark.parametrize(
    ("row", "letter"),
    [
        (LINE | {"rx_no": None}, "MAPPING NO_VISIT_KEY"),
        (LINE | {"charge_id": None}, "MAPPING NO_KEY"),
        ({name: value for name, value in LINE.items() if name != "amount"}, "SCHEMA_DRIFT MISSING_COLUMN"),
        (LINE | {"item": "__debezium_unavailable_value"}, "SCHEMA_DRIFT UNAVAILABLE_VALUE"),
    ],
)
def test_a_line_that_can_have_no_place_is_told_at_once(both, row, letter):
    """Waiting would not mend any of these."""
    both.happens("c", "h.rx", RX)
    both.happens("c", "h.charge", row)
    assert [letter] == both.letters()


def test_a_prescription_that_cannot_be_read_is_told(both):
    """Its lines would be told as waiting for it, and it is there."""
    both.happens("c", "h.rx", {name: value for name, value in RX.items() if name != "visit_id"})
    both.happens("c", "h.rx", RX | {"rx_no": " "})
    assert ["SCHEMA_DRIFT MISSING_COLUMN", "MAPPING NO_KEY"] == both.letters()


def test_a_prescription_without_a_visit_is_what_its_line_is_told_for(both):
    """The line names it, and it is there: what it lacks is another thing to mend."""
    both.happens("c", "h.rx", RX | {"visit_id": None})
    both.happens("c", "h.charge", LINE)
    both.now += WAIT_MS + 1
    both.captured(tick_value(both.now, []))
    assert ["JOIN_INCOMPLETE HEADER_WITHOUT_VISIT"] == both.letters()


def test_a_change_that_concerns_no_line_is_not_sent_to_any(both):
    """A bill is touched for many reasons; each would be a message for each of its lines."""
    both.happens("c", "h.rx", RX)
    both.happens("c", "h.charge", LINE)
    folded = both.happens("u", "h.rx", RX, before=RX)
    assert () == folded.placed
    assert "hopped" == folded.outcome


def test_prescriptions_that_are_emptied_take_their_lines_out_of_the_visit(both):
    """A line whose prescription is gone belongs nowhere; that it stood in a report is for a person."""
    both.happens("c", "h.rx", RX)
    both.happens("c", "h.charge", LINE)
    both.happens("t", "h.rx", None)
    assert {"WITHDRAWN TRUNCATE", "WITHDRAWN DELETED_AFTER_REPORT"} == set(both.letters())
    assert [] == [row for row in both.rows() if row.table == "h.charge" and not row.deleted]
    both.happens("c", "h.rx", RX)
    assert ["h.charge"] == [row.table for row in both.rows() if row.table == "h.charge" and not row.deleted]


@pytest.mark.parametrize("said", [7, {"visit": 7}, ["V1"]])
def test_what_place_says_of_a_row_and_cannot_be_read_is_a_letter(both, said):
    """Taken for nothing, the row would be looked for where its own columns say."""
    both.send(orjson.dumps(orjson.loads(envelope("h.charge", "c", LINE, at=7)) | {"place": said}))
    assert ["DECODE DECODE"] == both.letters()


def test_a_line_that_goes_to_another_visits_prescription_and_comes_back_is_sent_each_time(both, site):
    """The platform keeps what comes last of a line: what the other visit said, if the first one took it for unchanged."""
    for table, row in (("h.visit", VISIT), ("h.settle", SETTLE)):
        both.happens("c", table, row | {"visit_id": "V2"} | ({"settle_no": "S2"} if table == "h.settle" else {}))
    limits = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=10_000))
    both.joiner = Joiner(compile_site(site), limits, zone=compile_site(site)["his"].dialect.zone)
    other = LINE | {"rx_no": 8, "settle_no": "S2"}
    both.happens("c", "h.rx", RX)
    both.happens("c", "h.rx", RX | {"rx_no": 8, "visit_id": "V2"})
    both.happens("c", "h.charge", LINE)
    for op, row in (("d", LINE), ("c", other), ("d", other), ("c", LINE)):
        both.happens(op, "h.charge", row)
        if op == "c":
            assert ("V1" if row is LINE else "V2") == line_of(both)["MDTRT_ID"]
    sent = len(both.ready)
    # The same where the prescription goes to the other visit and comes back: S1 is not of that.
    both.happens("d", "h.rx", RX)
    both.happens("c", "h.rx", RX | {"visit_id": "V2"})
    both.happens("d", "h.rx", RX | {"visit_id": "V2"})
    both.happens("c", "h.rx", RX)
    assert (sent + 1, "V1") == (len(both.ready), line_of(both)["MDTRT_ID"])
    assert [] == both.letters()


COUNTS, DRAFT = {"status": "5"}, {"status": "1"}


def where(site, *tables):
    """The site, with rows of these tables that count by their status alone."""
    his = site.mappings["his"]
    which = {"which": {"status": Which.model_validate(["5"])}}
    changed = tuple(table.model_copy(update=which) if table.table in tables else table for table in his.tables)
    return site.model_copy(update={"mappings": {**site.mappings, "his": his.model_copy(update={"tables": changed})}})


def course(both, table, row, *, draws):
    """A row that is a draft, counts, counts no more, and counts again; or is inserted and deleted instead. What came of it."""
    counting, draft = row | COUNTS, row | DRAFT
    if draws:
        acts = [("c", draft, None), ("u", counting, draft), ("u", draft, counting), ("u", counting, draft), ("d", counting, None)]
    else:
        acts = [("c", counting, None), ("d", counting, None), ("c", counting, None), ("d", counting, None)]
    for act in acts:
        both.happens(act[0], table, act[1], before=act[2])
    both.now += WAIT_MS + 1
    both.captured(tick_value(both.now, []))
    both.tick()
    return both.reported(), both.letters(), both.closed(), both.recalled()


@pytest.mark.parametrize(("table", "row", "first"), [("h.rx", RX, ("h.charge", LINE)), ("h.charge", LINE, ("h.rx", RX))])
def test_a_prescription_or_line_that_does_not_count_is_one_that_is_not_there(site, table, row, first):
    """Of a prescription that is a draft no line goes out, and one that is cancelled takes its lines along."""
    told = []
    for draws in (True, False):
        both = Both().over(where(site, table) if draws else site)
        for name, known in (("h.visit", VISIT), ("h.settle", SETTLE), first):
            both.happens("c", name, known)
        told.append(course(both, table, row, draws=draws))
    assert told[0] == told[1]
    assert "fee_list_d C1" in told[0][0]

"""Lines that find their settlement through a third table, whose rows come before or after both, change, and go."""

import orjson
import pytest

from connector.render import ConnectSettings, render
from streams.domain.changes import Incoming
from streams.lanes.place.state import Overlay, PlaceState
from streams.lanes.ports import TopicPartition
from streams.mapping import capture_sources
from streams.mapping.columns import columns_by_table
from streams.mapping.linking import direct_visit_keys, linked_tables
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, SETTLE, VISIT, envelope
from tests.unit.streams.mapping.changed_site import load_changed
from tests.unit.streams.mapping.test_settled import CHARGES
from tests.unit.streams.mapping.test_which import Both

THROUGH = "{through: {table: h.paid, line: line_id, settlement: pay_id}}"
LINK = "\n  - {table: h.paid, role: link, key: [id]}"


@pytest.fixture
def load(tmp_path):
    """The site of the tests of the join, with a link table."""

    def loaded(settlement=THROUGH, link=LINK, key="[charge_id]", settle="[settle_no]"):
        def change(text):
            text = text.replace(CHARGES, f"key: {key}, visit_key: visit_id, settlement: {settlement}}}{link}")
            text = text.replace(
                "{table: h.settle, role: settlement, key: [settle_no]", f"{{table: h.settle, role: settlement, key: {settle}"
            )
            return text.replace(
                "      SETL_ID: settle_no\n      FIXMEDINS", "      SETL_ID: {column: settle_no, of: settlement}\n      FIXMEDINS"
            )

        return load_changed(tmp_path, change)

    return loaded


class Linking(Both):
    """With what the place stage remembers."""

    def of(self, site):
        super().of(site)
        self.state = PlaceState(TopicPartition("place.state", 0))
        return self

    def happens(self, table, row, op="c", *, before=None, key=b"{}", again=None):
        self.place += 1
        at = again or self.place
        value = envelope(table, op, row, at=None if op == "r" else at, before=before, txId=at, ts_us=(self.now + at) * 1000)
        overlay = Overlay(self.state)
        incoming = Incoming("rows.his", 0, self.place, key, value, (), self.now)
        folded = self.placer.fold(incoming, overlay, source="his", going=self.going)
        self.going = folded.going
        overlay.apply(folded.state)
        self.state.apply(overlay.changed, position=self.place)
        for one in folded.placed:
            self.send(one.value, headers=(("from", b"his/b"), ("seq", b"1"), *one.headers), key=one.key)
        return self

    def settled(self):
        """By line, the settlement of which it was reported last."""
        return {key: orjson.loads(value)["SETL_ID"] for (service, _, key), value in self.last().items() if service == "fee_list_d"}


def link(number, line="C1", settlement="S1"):
    return {"id": number, "line_id": line, "pay_id": settlement}


@pytest.fixture
def his(load):
    """A visit of two settlements."""
    both = Linking().of(load()).happens("h.visit", VISIT)
    return both.happens("h.settle", SETTLE).happens("h.settle", SETTLE | {"settle_no": "S2"})


def test_a_link_may_come_before_its_line_or_after_it(his):
    """And before its settlement: whoever books it last decides nothing."""
    his.happens("h.paid", link("1")).happens("h.charge", CHARGE)
    his.happens("h.charge", CHARGE | {"charge_id": "C2"})
    assert {"C1": "S1"} == his.settled()
    his.happens("h.paid", link("2", "C2", "S3"))
    assert ["unsettled"] == [row.waits_for for row in his.rows() if row.waits_for]
    his.happens("h.settle", SETTLE | {"settle_no": "S3"})
    assert ({"C1": "S1", "C2": "S3"}, []) == (his.settled(), his.letters())


def test_blanks_that_fill_up_what_a_link_names_do_not_count(his):
    """Its columns are `char(8)`, and those that they name are as long as what stands in them."""
    his.happens("h.paid", link("1", "C1   ", "S2   ")).happens("h.charge", CHARGE)
    assert ({"C1": "S2"}, []) == (his.settled(), his.letters())


def test_a_link_that_changes_or_goes_takes_its_line_along(his):
    """A line that is in no settlement any more waits, as one of which none was made yet."""
    his.happens("h.charge", CHARGE).happens("h.paid", link("1"))
    his.happens("h.paid", link("1", settlement="S2"), "u", before=link("1"))
    assert {"C1": "S2"} == his.settled()
    his.happens("h.paid", link("1", settlement="S2"), "d")
    assert ["unsettled"] == [row.waits_for for row in his.rows() if row.waits_for]
    his.happens("h.paid", link("2"))
    assert ({"C1": "S1"}, []) == (his.settled(), his.letters())


def test_a_link_that_names_another_line_frees_the_one_of_before(his):
    """One update, two lines."""
    his.happens("h.charge", CHARGE).happens("h.charge", CHARGE | {"charge_id": "C2"}).happens("h.paid", link("1"))
    his.happens("h.paid", link("1", "C2"), "u", before=link("1"))
    assert {"C1": "S1", "C2": "S1"} == his.settled()
    assert {"C1": "unsettled", "C2": ""} == {row.key[0]: row.waits_for for row in his.rows() if row.table == "h.charge"}


def test_several_links_of_one_line_that_differ_let_it_wait_and_are_told(his):
    """Two that say the same are one. When the wrong one goes, the other one is meant."""
    his.happens("h.paid", link("1")).happens("h.paid", link("2")).happens("h.charge", CHARGE)
    assert {"C1": "S1"} == his.settled()
    his.happens("h.charge", CHARGE | {"charge_id": "C2"}).happens("h.paid", link("3", "C2")).happens(
        "h.paid", link("4", "C2", "S2")
    )
    his.happens("h.charge", CHARGE | {"charge_id": "C3"}).happens("h.paid", link("5", "C3")).happens(
        "h.paid", link("6", "C3", "S9")
    )
    assert {"C1": "S1", "C2": "S1", "C3": "S1"} == his.settled()  # what was reported stands while one of them gives it
    his.happens("h.charge", CHARGE | {"charge_id": "C4"}).tick(after_ms=DAY_MS)
    his.happens("h.paid", link("7", "C4")).happens("h.paid", link("8", "C4", "S2")).happens("h.paid", link("7", "C4"), "d")
    assert "S2" == his.settled()["C4"]


def test_a_link_that_is_told_again_or_read_again_changes_nothing(his):
    """Capture sends what it sent before after every restart."""
    his.happens("h.charge", CHARGE).happens("h.paid", link("1"))
    at = his.place
    his.happens("h.paid", link("1", settlement="S2"), "u", before=link("1"))
    his.happens("h.paid", link("1"), again=at).happens("h.paid", link("1", settlement="S2"), "r")
    assert {"C1": "S2"} == his.settled()


def test_a_line_may_leave_its_visit_with_its_link(his):
    """The link says nothing of visits: the line is where its own column says."""
    his.happens("h.visit", VISIT | {"visit_id": "V2"}).happens("h.settle", SETTLE | {"settle_no": "S4", "visit_id": "V2"})
    his.happens("h.charge", CHARGE).happens("h.paid", link("1"))
    his.happens("h.paid", link("1", settlement="S4"), "u", before=link("1"))
    his.happens("h.charge", CHARGE | {"visit_id": "V2"}, "u", before=CHARGE)
    his.tick(after_ms=DAY_MS)
    assert ({"C1": "S4"}, []) == (his.settled(), his.letters())


def test_keys_of_several_columns_are_linked(load):
    """In the order of the keys."""
    through = "{through: {table: h.paid, line: [org_id, line_id], settlement: [pay_org, pay_id]}}"
    both = Linking().of(load(through, key="[org, charge_id]", settle="[org, settle_no]")).happens("h.visit", VISIT)
    both.happens("h.settle", SETTLE).happens("h.charge", CHARGE)
    both.happens("h.paid", link("1") | {"org_id": "X", "pay_org": "H"}).happens(
        "h.paid", link("2") | {"org_id": "H", "pay_org": "X"}
    )
    assert {} == both.settled()
    both.happens("h.paid", link("3") | {"org_id": "H", "pay_org": "H"})
    assert {"C1": "S1"} == both.settled()


def test_what_decides_is_captured_and_only_linked_lines_are_remembered(load):
    """Of the link table, its key and what it names; a site without one places its lines as before."""
    site, plain = load(), load("settle_no", "")
    assert ({"id", "line_id", "pay_id"}, True) == (
        set(columns_by_table(site.mappings["his"])["h.paid"]),
        "pay_id" not in columns_by_table(site.mappings["his"])["h.charge"],
    )
    assert (False, True) == tuple(("his", "h.charge") in direct_visit_keys(one) for one in (site, plain))
    assert "his" not in linked_tables(plain)


def test_a_link_table_is_captured_with_the_rows_and_not_as_a_lookup(load):
    """In the order of the log with lines and settlements; its rows name no visit, and none is asked for."""
    site = load()
    (source,) = (one for one in capture_sources(site) if one.name == "his")
    config = render(source, site.topics, connect=ConnectSettings(bootstrap_servers="kafka:9092", heartbeat_interval_ms=1_000))
    assert ("h.paid" in config["table.include.list"].replace("\\", ""), False) == (
        True,
        any("paid" in value for name, value in config.items() if "lookup" in name),
    )
    (link,) = (one for one in source.tables if one.name == "h.paid")
    assert (("line_id",), (), None) == (link.named_by, link.visit_key, link.lookup)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"link": ""}, "tables[2].settlement.through.table: `h.paid` is no table of this file"),
        (
            {"link": LINK.replace("h.paid", "h.payd")},
            "tables[2].settlement.through.table: `h.paid` is no table of this file (did you mean",
        ),
        ({"link": LINK.replace("h.paid", "h.payd")}, "tables[3]: is a link table that no fee table reads"),
        ({"link": LINK.replace("link", "header, visit_key: v")}, "tables[2].settlement.through.table: `h.paid` has another role"),
        ({"link": LINK.replace("}", ", visit_key: v}")}, "tables[3]: a link table has no `visit_key`"),
        ({"settlement": "{thruogh: {table: h.paid}}"}, "tables[2].settlement.thruogh: is not known here (did you mean `through`?)"),
        (
            {"settlement": THROUGH.replace("line:", "lin:")},
            "tables[2].settlement.through.lin: is not known here (did you mean `line`?)",
        ),
        ({"key": "[org, charge_id]"}, "tables[2].settlement.through.line: names 1 columns, the key of `h.charge` has 2"),
        ({"settle": "[org, settle_no]"}, "tables[2].settlement.through.settlement: names 1 columns, the key of `h.settle` has 2"),
        (
            {"link": LINK.replace("}", ", where: {name: {lookup: patient, by: line_id, in: [x]}}}")},
            "tables[3].where.name.lookup: cannot be asked of a link",
        ),
    ],
)
def test_what_cannot_be_linked_is_told_before_it_runs(load, how, message):
    """With its place, and the nearest name."""
    told = load(**how)
    assert [one for one in told if one.startswith(message)], told

"""Headers and visit keys in a mapping: a link that leads nowhere is told before a row waits for it in vain."""

from pathlib import Path

import pytest

from connector.contract import TableRole
from streams.domain.keys import VisitKey
from streams.mapping import BadFiles, capture_sources, compile_site, load_site
from streams.mapping.linking import direct_visit_keys, linked_tables

FOLDER = Path(__file__).parents[3] / "contract" / "mapping"
FEE = "  - {table: his.charge, role: fee, key: [charge_id], visit_key: visit_id}\n"
LINE = "  - {table: his.charge, role: fee, key: [charge_id], under: his.rx, header: [org, rx_no], else: visit_id}\n"
RX = "  - {table: his.rx, role: header, key: [org, rx_no], visit_key: visit_id}\n"


@pytest.fixture
def load(tmp_path):
    """A site whose fee table is replaced by these tables, with other changes (old text → new text)."""

    def loaded(tables, *changes):
        text = (FOLDER / "mapping.yaml").read_text(encoding="utf-8")
        line = next(one for one in text.splitlines(keepends=True) if "his.charge" in one)
        for old, new in ((line, tables), *changes):
            assert old in text, old
            text = text.replace(old, new, 1)
        (tmp_path / "mapping.yaml").write_text(text, encoding="utf-8")
        (tmp_path / "site.yaml").write_text((FOLDER / "site.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        try:
            return load_site(tmp_path / "site.yaml")
        except BadFiles as bad:
            return [str(problem).removeprefix(f"{tmp_path}/") for problem in bad.problems]

    return loaded


def test_a_line_under_a_header_takes_what_it_needs_of_it_along(load):
    """The join never sees the header: what a record reads of it must be captured and come with the line."""
    site = load(LINE + RX, ("RX_DRORD_NO: order_no", "RX_DRORD_NO: {column: order_no, of: header}"))
    (name,) = site.sources
    linked = linked_tables(site)[name]
    line, header = linked.by_name["his.charge"], linked.by_name["his.rx"]
    assert (("his.rx",), ("org", "rx_no"), ("order_no",), VisitKey(("visit_id",))) == (
        line.under,
        line.header,
        line.carried,
        line.visit_key,
    )
    assert (("org", "rx_no"), False, True) == (header.named_by, header.forwarded, "order_no" in header.columns)
    assert {"his.charge", "his.rx"} & {table for _, table in direct_visit_keys(site)} == set()
    assert "header.order_no" in compile_site(site)[name].tables["his.charge"].columns
    captured = {table.name: table for table in capture_sources(site)[0].tables}
    assert (TableRole.HEADER, ("org", "rx_no", "visit_id", "order_no")) == (captured["his.rx"].role, captured["his.rx"].columns)


def test_a_visit_key_may_be_of_several_columns_with_a_prefix(load):
    """Hospitals number visits by campus and year; in- and outpatients each begin at one."""
    several = [(f"visit_key: visit_id{end}", f"visit_key: [org, visit_id], prefix: I{end}") for end in ("}", "}")]
    site = load(FEE.replace("visit_key: visit_id", "visit_key: [org, visit_id], prefix: I"), *several)
    assert {VisitKey(("org", "visit_id"), "I")} == set(direct_visit_keys(site).values())


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        (LINE, "tables[2].under: `his.rx` is no table of this file"),
        (LINE.replace("his.rx", "his.patient"), "tables[2].under: `his.patient` is a lookup"),
        (
            LINE.replace("[org, rx_no]", "rx_no") + RX,
            "tables[2].header: names 1 columns (rx_no), and rows of `his.rx` are named by 2",
        ),
        (LINE.replace("header: [org, rx_no], ", "") + RX, "tables[2]: `under` needs `header`"),
        (LINE.replace("else:", "visit_key:") + RX, "tables[2]: a table with `under` has no `visit_key`"),
        (FEE + RX, "tables[3]: is a header that no table hangs under"),
        (FEE.replace("visit_id}", "[org, visit_id]}"), "tables[2].visit_key: is of 2 columns, and of 1 in other tables"),
        (FEE.replace("visit_id}", "visit_id, named_by: x}"), "tables[2].named_by: means nothing"),
        (FEE.replace("visit_key: visit_id", "prefix: I"), "tables[2]: a fee table needs `visit_key`, or `under` and `header`"),
        (FEE.replace("visit_id}", "visit_id, prefix: a/b}"), "tables[2].prefix: must be at most 20 letters"),
        (
            LINE + RX.replace("visit_key: visit_id", "under: his.rx, header: [org, rx_no]"),
            "tables[3].under: leads back to itself: his.rx → his.rx",
        ),
        (
            LINE
            + RX.replace("visit_key: visit_id", "under: h.b, header: b")
            + "".join(f"  - {{table: h.{a}, role: header, key: [k], under: h.{b}, header: b}}\n" for a, b in ("bc", "cd", "de"))
            + "  - {table: h.e, role: header, key: [k], visit_key: visit_id}\n",
            "tables[2].under: is 5 headers away from its visit (his.charge → his.rx → h.b → h.c → h.d → h.e)",
        ),
    ],
)
def test_a_link_that_leads_nowhere_is_told(load, tables, message):
    """Each row of the table would wait, and be a dead letter, although nothing is wrong in the hospital."""
    assert any(message in problem for problem in load(tables))


@pytest.mark.parametrize(
    "kind",
    [
        "of: header, column: visit_type",
        "first_of: [visit_type, {of: header, column: visit_type}]",
        "switch: {on: {of: header, column: a}, cases: {1: visit_type}}",
        "lookup: patient, by: [{of: header, column: patient_id}], column: visit_type",
    ],
)
def test_the_kind_is_not_told_by_a_header(load, kind):
    """It is one for the visit and all its rows, and the visit hangs under nothing."""
    assert any("kind.of: cannot be `header`" in one for one in load(LINE + RX, ("kind: {column: visit_type", f"kind: {{{kind}")))


def test_a_column_of_a_header_needs_one(load):
    """It would be empty in each record."""
    told = load(FEE, ("RX_DRORD_NO: order_no", "RX_DRORD_NO: {column: order_no, of: header}"))
    assert any("RX_DRORD_NO.of: no table with `role: fee` hangs under a header" in problem for problem in told)

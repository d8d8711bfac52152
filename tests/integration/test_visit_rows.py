"""Which rows of a real database belong to one visit: by headers, by link tables, and by what the hospital writes for NULL."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.unit.streams.domain.join.join_rig import CHARGE, PATIENT, SETTLE, VISIT
from tests.unit.streams.mapping.changed_site import load_changed
from yibao.captures.from_site import chosen_sources
from yibao.previewing import preview

pytestmark = pytest.mark.stack
DATABASE = "his_of_rows"
CHARGES = "key: [charge_id], visit_key: visit_id, settlement: settle_no}"
UNDER = "key: [charge_id], under: h.rx, header: rx_no, else: visit_id, nulls: ['0'], settlement: settle_no}"
RX = "\n  - {table: h.rx, role: header, key: [rx_no], visit_key: visit_id}"
THROUGH = (
    "key: [charge_id], visit_key: visit_id, settlement: {through: {table: h.link, line: charge_id, settlement: settle_no}}}"
    "\n  - {table: h.link, role: link, key: [charge_id]}"
)


@pytest.fixture(scope="module")
def database(postgres):
    """The tables of the join's small site, with a header and a link table, and one visit in them."""
    where = {"host": postgres.postgres_host, "port": postgres.postgres_port, "user": "postgres", "autocommit": True}
    with psycopg.connect(**where, dbname="postgres") as conn:
        conn.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
        conn.execute(f"CREATE DATABASE {DATABASE}")
    rows = {
        "visit": VISIT,
        "settle": SETTLE,
        "patient": PATIENT,
        "charge": CHARGE | {"rx_no": None},
        "rx": {"rx_no": "R1", "visit_id": "V1"},
        "link": {"charge_id": "C1", "settle_no": "S1"},
    }
    with psycopg.connect(**where, dbname=DATABASE) as conn:
        conn.execute("CREATE SCHEMA h")
        for name, row in rows.items():
            columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(column)) for column in row)
            conn.execute(sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier("h", name), columns))
            values = sql.SQL(", ").join(map(sql.Literal, row.values()))
            conn.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(sql.Identifier("h", name), values))
        yield conn
    with psycopg.connect(**where, dbname="postgres") as conn:
        conn.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")


def found(folder: Path, postgres, charges: str):
    """What would be reported of the visit: its records, and what waits."""
    (folder / "his.password").write_text("of-a-test")

    def change(text):
        at = f"host: {postgres.postgres_host}, port: {postgres.postgres_port}, database: {DATABASE}, user: postgres"
        return text.replace(CHARGES, charges).replace("host: 127.0.0.1, port: 5432, database: his, user: yibao", at)

    site = load_changed(folder, change)
    outcome = preview(site, chosen_sources(site, "his"), "V1").outcome
    return sorted(one.record.key for one in outcome.ready), [(one.table, one.part) for one in outcome.waiting]


def test_lines_that_find_their_settlement_through_a_table_are_read_with_it(database, postgres, tmp_path):
    """Their table hangs under nothing that a preview would wait for."""
    assert (["C1", "S1", "V1"], []) == found(tmp_path, postgres, THROUGH)
    database.execute("UPDATE h.link SET settle_no = 'S9'")
    assert (["S1", "V1"], [("h.charge", "unsettled")]) == found(tmp_path, postgres, THROUGH)


@pytest.mark.parametrize("rx_no", [None, "", "0", " ", "R1"])
def test_a_line_is_found_by_its_header_or_else_by_its_own_key(database, postgres, tmp_path, rx_no):
    """What stands for NULL, and blanks, name no header."""
    database.execute("UPDATE h.charge SET rx_no = %s", [rx_no])
    assert (["C1", "S1", "V1"], []) == found(tmp_path, postgres, UNDER + RX)


def test_a_line_of_a_header_of_another_visit_is_not_of_this_one(database, postgres, tmp_path):
    """Although its own column names this one: that counts only where no header is named."""
    database.execute("UPDATE h.charge SET rx_no = 'R2'")
    assert (["S1", "V1"], []) == found(tmp_path, postgres, UNDER + RX)

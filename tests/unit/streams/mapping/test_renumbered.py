"""`renumbered` in a mapping: what would let a line take over a number that it cannot keep is told."""

import pytest

from connector.contract import TableRole
from streams.domain.normalise.renumbered import Renumbered
from streams.mapping import capture_sources, compile_site
from streams.mapping.linking import claiming_tables
from tests.unit.streams.mapping.test_links import FEE, load

__all__ = ["load"]

AGAIN = FEE.replace("}", ", renumbered: {same: [visit_id, bed, price]}}")
OTHER = FEE.replace("his.charge", "his.ward_charge")


def test_what_must_be_the_same_is_captured_and_told_to_the_join(load):
    """No field reads the bed. No other table's numbers can be its own, so that the place stage has nothing to look at."""
    site = load(
        AGAIN.replace("visit_key", "record_prefix: A-, visit_key", 1)
        + OTHER.replace("visit_key", "record_prefix: B-, visit_key", 1)
    )
    (source,), (mapping,) = capture_sources(site), compile_site(site).values()
    assert "bed" in next(table for table in source.tables if table.name == "his.charge").columns
    assert Renumbered(("visit_id", "bed", "price"), "charge_id", "A-") == mapping.tables["his.charge"].renumbered
    assert "his.charge" in mapping.colliding
    assert all("his.charge" not in tables for tables in claiming_tables(site).values())
    assert TableRole.FEE is mapping.tables["his.charge"].role


@pytest.mark.parametrize(
    ("tables", "changes", "message"),
    [
        (AGAIN.replace("[visit_id, bed, price]", "[]"), (), "renumbered.same: must not be empty"),
        (AGAIN.replace("bed,", "bed, bed,"), (), "tables[2].renumbered: names `bed` twice in `same`"),
        (AGAIN.replace("bed,", "charge_id,"), (), "tables[2].renumbered: names the key `charge_id` in `same`"),
        (AGAIN.replace("same", "sme"), (), "tables[2].renumbered.sme: is not known here (did you mean `same`?)"),
        (AGAIN.replace("renumbered", "renumberd"), (), "is not known here (did you mean `renumbered`?)"),
        (AGAIN.replace("key: [charge_id]", "key: [charge_id, org]", 1), (), "tables[2].renumbered: needs a key of one column"),
        (
            AGAIN,
            (("BKKP_SN: charge_id", "BKKP_SN: {column: charge_id, compact: uuid}"),),
            "needs `BKKP_SN: charge_id`, the key as it stands",
        ),
        (AGAIN.replace("}}", "}, settlement: charge_id}"), (), "tables[2].renumbered: needs another link than `charge_id`"),
        (
            AGAIN.replace("}}", "}, moves: a}") + OTHER.replace("}", ", moves: a}"),
            (),
            "tables[2].renumbered: and `moves` exclude each other",
        ),
        (AGAIN + OTHER, (), "tables[2].renumbered: needs numbers that no line of his.ward_charge has"),
        (FEE, (("role: lookup", "role: lookup, renumbered: {same: [a]}"),), "only a fee table has `renumbered`"),
    ],
)
def test_what_cannot_be_kept_is_told(load, tables, changes, message):
    """All of it at once, where it stands."""
    told = load(tables, *changes)
    assert any(message in problem for problem in told), told

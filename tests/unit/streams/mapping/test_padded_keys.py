"""Keys of type `char(n)`, captured with the blanks that fill them up: they are compared as every database compares them."""

import pytest

from streams.domain.join.fold import Joiner
from streams.mapping import compile_site
from tests.unit.streams.domain.join.join_rig import LIMITS, Join, envelope
from tests.unit.streams.domain.join.join_rig import TABLES as ROWS
from tests.unit.streams.mapping.changed_site import load_changed


@pytest.fixture
def join(tmp_path):
    """A visit that is reported, and the join of the site in which lines name their settlement by a column."""
    mappings = compile_site(load_changed(tmp_path, lambda text: text))
    join = Padded(joiner=Joiner(mappings, LIMITS, zone=mappings["his"].dialect.zone))
    return join.happens("h.visit")


class Padded(Join):
    def happens(self, table, op="c", **columns):
        self.place += 1
        self.send(envelope(table, op, ROWS[table] | columns, at=self.place, txId=self.place))
        return self


@pytest.mark.parametrize(("key", "link"), [("S1    ", "S1"), ("S1", "S1    "), ("S1   ", "S1      ")])
@pytest.mark.parametrize("line_first", [False, True])
def test_a_line_finds_its_settlement_whatever_blanks_fill_the_one_or_the_other(join, key, link, line_first):
    """`char(6)` and `varchar(4)`: each line would have waited, and then been told as missing a settlement that is there."""
    happens = [("h.settle", {"settle_no": key}), ("h.charge", {"settle_no": link})]
    for table, columns in reversed(happens) if line_first else happens:
        join.happens(table, **columns)
    assert ["mdtrt_d V1", "setl_d S1", "fee_list_d C1"] == join.reported()
    assert [] == join.letters()


def test_a_line_that_waits_knows_a_link_of_blanks_alone_for_none(join):
    """It is not settled yet; it does not miss a settlement."""
    join.happens("h.charge", settle_no="      ")
    assert ["unsettled"] == [row.waits_for for row in join.rows() if row.table == "h.charge"]


def test_the_settlement_with_the_very_text_is_meant_where_another_differs_in_blanks(join):
    """In a `varchar` both may stand, and are two."""
    join.happens("h.settle", settle_no="S1 ").happens("h.settle", settle_no="S1").happens("h.charge", settle_no="S1")
    assert "fee_list_d C1" == join.reported()[-1]
    assert [] == join.letters()

"""The page on freshness says what a receipt holds: other programs are written from it."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from streams.deliver.freshness import PARTS, Freshness
from streams.deliver.receipt import Receipt, ReceiptLine
from streams.mapping.reading import known_keys
from streams.mapping.site_file import SiteFile

PAGE = (Path(__file__).parents[3] / "docs" / "freshness.md").read_text(encoding="utf-8")
RECEIPT = PAGE[PAGE.index("## The receipt") :]


@pytest.mark.parametrize("member", [field.name for form in (Receipt, ReceiptLine) for field in fields(form)])
def test_every_member_of_a_receipt_has_its_line(member):
    """The form of the ledger is a promise."""
    assert re.search(rf"^\|[^|]*`{member}`", RECEIPT, re.MULTILINE)


def test_every_part_has_its_line_in_the_order_of_the_data():
    """The names are those that the demonstration shows."""
    assert PARTS == tuple(re.findall(r"^\| ([a-z]+) \| ", PAGE, re.MULTILINE))[1:6]
    assert PARTS == tuple(field.name for field in fields(Freshness))


def test_every_setting_that_is_named_exists():
    """Who wants it fresher looks for these words in the site's file."""
    named = {tuple(found.split(".")) for found in re.findall(r"`((?:join|batch|platform)\.[a-z_]+)`", PAGE)}
    assert len(named) > 3
    assert set() == {path for path in named if path[-1] not in known_keys(SiteFile, path[:-1])}

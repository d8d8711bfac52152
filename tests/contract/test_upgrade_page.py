"""The page on upgrades has a row for the version at hand, and the row is true."""

import re
import tomllib
from pathlib import Path

import orjson

from connector.contract import TableRole
from streams.domain.batch.cut import CUT_VERSION
from streams.domain.join.entries import dump
from streams.domain.join.stored import StoredRow

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "upgrade.md").read_text("utf-8")


def test_the_version_at_hand_has_its_row_with_its_forms():
    """Whoever changes a form must say what another version finds: that is what an operator decides by at night."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    (row,) = re.findall(rf"^\| {re.escape(version)} \|.*$", PAGE, re.MULTILINE)
    state, _, _, cut, _ = (cell.strip() for cell in row.strip("|").split("|")[1:])
    stored = StoredRow(TableRole.FEE, "his", "his.fee", ("1",), {}, None, 0)
    members = len(orjson.loads(dump(stored)[1:]))

    assert (f"{members} members", f"{CUT_VERSION}") == (state, cut)

"""The page of `yibao doctor` has every check by its id, in the words of the code."""

import re
from pathlib import Path

import pytest

from yibao.doctor.checks import CHECKS, page_table

PACKAGE = Path(__file__).parents[3] / "yibao" / "doctor"
PAGE = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_the_page_has_the_table_of_the_code():
    """An alert names a check by its id; at night the page is where it is looked up. Print it anew: `page_table()`."""
    assert page_table() in PAGE


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_of_the_table_is_made_somewhere(check):
    """A check that is promised and not made would be trusted."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.glob("*.py") if path.name != "checks.py")
    assert re.search(rf'"{re.escape(check)}"', code)

"""The smallest example from its rows to accepted records, on the run's stack; `make examples-proof` plays all of them."""

import pytest

from tests.examples.course import play
from tests.examples.files import example, names

pytestmark = pytest.mark.stack


def test_the_tables_of_an_intermediate_database_are_reported_by_files_alone(stack, tmp_path):
    """Whoever copies the example begins with what works, on the same parts as at a site."""
    figures = play(example("front"), stack, tmp_path / "site", say=print)
    assert figures.rows == figures.accepted + figures.dead + figures.waiting
    assert (True, True) == (figures.accepted > 0, figures.gone > 0)


@pytest.mark.parametrize("name", names())
def test_each_example_says_what_must_come_of_it(name):
    """An example without its own SQL, or without a page, proves nothing and shows nobody the way."""
    found = example(name)
    assert found.steps
    assert "yibao mapping profile" in (found.folder / "README.md").read_text("utf-8")
    assert [*found.folder.glob("cases/*.yaml")]

"""The tools come with the first test that needs them."""

import pytest

from deploy import chart_tools


@pytest.fixture(scope="session", autouse=True)
def helms():
    chart_tools.install("helm")

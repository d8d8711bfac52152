"""The chart installs the alerts, dashboards and runbooks of the product, and no older ones."""

from deploy.chart_copies import FOLDER, copies


def test_the_chart_holds_the_products_own():
    """`python -m deploy.chart_copies` after a change of one of them."""
    wanted = copies()
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == wanted.keys()
    assert [] == [path.name for path, content in wanted.items() if path.read_bytes() != content]
    kinds = [path.parent.name for path in wanted]
    assert (4, kinds.count("runbooks") % 2) == (kinds.count("dashboards"), 0)
    assert kinds.count("runbooks") > 40

"""The chart in short; `make chart-proof` renders every topology with both Helms for every version of Kubernetes."""

import pytest

from deploy import chart_tools
from tests.chart.rendering import CHART, helm_says, loaded, text, values_of


@pytest.fixture(scope="module", autouse=True)
def helms():
    chart_tools.install("helm")


def test_the_chart_renders():
    """A template that no longer parses would be found when a hospital installs it."""
    assert "1 chart(s) linted, 0 chart(s) failed" in helm_says(
        4, ["lint", "--strict", CHART, *(f"--values={file}" for file in values_of("default"))]
    )
    kinds = [one["kind"] for one in loaded(text(values_of("default")))]
    assert {"Deployment": 2, "StatefulSet": 1, "Job": 1, "CronJob": 1, "Pod": 1} == {
        kind: kinds.count(kind) for kind in ("Deployment", "StatefulSet", "Job", "CronJob", "Pod")
    }


def test_the_chart_has_the_alerts_of_the_product():
    """Helm reads no file outside of a chart, so its copy is held against the one that people edit."""
    ours = CHART.parents[1] / "deploy" / "prometheus" / "rules.yaml"
    assert ours.read_bytes() == (CHART / "files" / "rules.yaml").read_bytes(), f"cp {ours} {CHART}/files/"

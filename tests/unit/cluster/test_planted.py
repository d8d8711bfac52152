"""The faults that `make chart-cluster` plants have their place in the chart, and what it is built from is locked."""

import re

import pytest

from deploy import go
from tests.chart.rendering import CHART
from tests.cluster.api import message_of
from tests.cluster.failed import Failed
from tests.cluster.planted import PLACES, planted

MODULES = sorted(file.parent.name for file in go.PINS.glob("*/go.mod"))


@pytest.mark.parametrize("fault", PLACES)
def test_a_planted_fault_has_its_place(fault, tmp_path):
    """Found here in a second, and not after minutes of a proof that no change of a template should break."""
    folder = planted(tmp_path / "chart", fault)
    place = PLACES[fault]
    changed = (folder / "templates" / place.template).read_text("utf-8")
    assert changed != (CHART / "templates" / place.template).read_text("utf-8")
    assert place.wrong in changed


def test_a_fault_without_a_place_is_told(tmp_path, monkeypatch):
    """Planted nowhere, it would be a chart without a fault, and found by nothing."""
    monkeypatch.setitem(PLACES, "root", PLACES["root"]._replace(right="no such line"))
    with pytest.raises(Failed, match="no place"):
        planted(tmp_path / "chart", "root")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b'{"message": "refused"}', "refused"), (b"[]", "[]"), (b"no answer", "no answer"), (b'{"kind": "Status"}', "")],
)
def test_the_message_of_a_server_is_told(answer, said):
    assert said == message_of(answer)


def test_every_part_of_kubernetes_has_the_version_that_belongs_to_it():
    """Kubernetes names its parts by v0.0.0: one of another version would be a server that nobody runs."""
    text = (go.PINS / "server" / "go.mod").read_text("utf-8")
    version = re.search(r"k8s\.io/kubernetes v1(\.\d+\.\d+)", text)[1]
    replaced = re.findall(r"^\t(k8s\.io/[\w-]+) => (k8s\.io/[\w-]+) v0(\S+)$", text, re.MULTILINE)
    assert len(replaced) > 20
    assert all(name == by and version == own for name, by, own in replaced)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_locked_and_what_is_built_is_named_by_it(module, tmp_path, monkeypatch):
    """What was built of other versions must never be taken for what is locked now."""
    assert (go.PINS / module / "go.sum").stat().st_size > 1000
    before = go.key_of(module)
    for name in ("requirements.lock", f"{module}/go.mod", f"{module}/go.sum"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((go.PINS / name).read_bytes())
    monkeypatch.setattr(go, "PINS", tmp_path)
    copied = go.key_of(module)
    (tmp_path / module / "go.sum").write_bytes(b"another")
    assert 3 == len({before, copied, go.key_of(module)})

"""The operator's guide on a real broker: what it says is run on brokers runs as it is printed, in its order."""

import shlex
from pathlib import Path

import pytest
import yaml

from tests.bench.bench_site import write_site
from tests.in_process import yibao
from tests.unit.docs.guide_page import blocks

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

DOCS = Path(__file__).parents[2] / "docs"
LINES = [
    line
    for page in ("guide.md", "security.md")
    for block in blocks((DOCS / page).read_text("utf-8"))
    if block.kind == "brokers"
    for line in block.lines
]


def test_what_the_guide_runs_on_brokers_runs_as_it_is_printed(kafka, tmp_path, monkeypatch):
    """From empty topics to the night after a disaster: each ends with 0, and an order that is given is one that is in force."""
    site = write_site(
        tmp_path, bootstrap_servers=kafka.bootstrap_servers, prefix="guided-", platform_url="http://127.0.0.1:9", partitions=1
    )
    document = yaml.load(site.read_text("utf-8"), Loader=yaml.BaseLoader)
    document["sources"]["his"]["database"] = "guided"  # other tests of this broker report the sample's
    site.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("YIBAO_CONFIG", f"{site}")
    assert {"yibao topics apply", "yibao lag", "yibao offsets recover --stage place --dry-run"} <= {*LINES}
    for line in dict.fromkeys(LINES):  # what only looks need not look twice
        command, _, file = line.partition(" > ")
        code, out, err = yibao(*shlex.split(command)[1:])
        assert 0 == code, f"{line}: {out}{err}"
        if file:
            (tmp_path / file).write_text(out, "utf-8")
    code, out, _ = yibao("audit", "list", "--all")
    assert (0, 2, 1) == (code, out.count(" pause "), out.count(" resume ")), out

"""`yibao maintenance` on a real broker: what was ordered for later can be taken back, and nothing else goes with it in silence."""

import json
from datetime import datetime, timedelta

import pytest
import yaml

from streams.broker_wiring import client_options
from streams.mapping import load_site
from streams.topics.audit_log import read_audit
from tests.bench.bench_site import write_site
from tests.bench.topics import apply_topics
from yibao.options import Output
from yibao.steering import now_at, windows_of
from yibao.verbs import maintenance

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def test_a_window_that_was_ordered_for_later_is_taken_back(kafka, tmp_path, capsys):
    """The platform's people call it off on the day before: it would stop all delivery that night, and nobody would be told."""
    file = write_site(tmp_path, bootstrap_servers=kafka.bootstrap_servers, prefix="windows-", platform_url="http://127.0.0.1:9")
    written = yaml.safe_load(file.read_text("utf-8"))
    today = now_at(load_site(file))
    recurring = {
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "begins": f"{today - timedelta(hours=6):%H:%M}",
        "ends": f"{today + timedelta(hours=6):%H:%M}",
    }
    written["platform"]["maintenance"] = {"windows": []}
    file.write_text(yaml.safe_dump(written, allow_unicode=True), "utf-8")
    apply_topics(file)
    begins, ends = (today + timedelta(days=2, hours=hours) for hours in (0, 6))
    maintenance.set_(config=file, begins=at(begins), ends=at(ends), why="announced")
    maintenance.end(config=file, why="called off")
    said = capsys.readouterr().out
    assert f"maintenance of the platform from {at(begins)} until {at(ends)}" in said
    assert "taken back" in said
    assert [] == windows_of(load_site(file))
    maintenance.end(config=file, why="again")
    assert "no window is open, and none is ordered for later, so nothing was written" in capsys.readouterr().out

    # What site.yaml says of the time that was taken back is as it was; ending the window that is open tells of the one to come.
    written["platform"]["maintenance"] = {"windows": [recurring]}
    file.write_text(yaml.safe_dump(written, allow_unicode=True), "utf-8")
    before = [one.begins for one in windows_of(load_site(file))]
    maintenance.set_(config=file, begins=at(begins), ends=at(ends), why="announced")
    assert len(before) + 1 == len(windows_of(load_site(file)))
    capsys.readouterr()
    maintenance.end(config=file, why="the platform is back", output=Output.JSON)
    told = json.loads(capsys.readouterr().out)
    assert (True, at(begins)) == (told["was_open"], told["taken_back"]["begins"])
    maintenance.set_(config=file, begins=at(begins), ends=at(ends), why="announced anew")
    assert "in place of" in capsys.readouterr().out
    actions = [one.entry.action for one in read_audit(client_options(load_site(file)), load_site(file).topics.audit)]
    assert ["maintenance set", "maintenance end", "maintenance set", "maintenance end", "maintenance set"] == actions[1:]

"""A copy of a site's file is not the site: every test environment begins as one, with another platform address in it."""

import asyncio
import json
import sys
import time
from dataclasses import replace

import pytest
import yaml
from kafka.admin import KafkaAdminClient

from streams.broker_wiring import client_options
from streams.errors import Fatal, Refused
from streams.lane_wiring import broker_settings
from streams.lanes.exits import Exit
from streams.lanes.site_check import demand_site
from streams.mapping import load_site
from streams.mapping.identity import identity_of
from streams.topics.binding_log import read_binding, write_binding
from tests.bench.bench_site import write_site
from tests.bench.processes import platform, taken
from tests.bench.topics import apply_topics, fill
from tests.forks import worker
from tests.integration.both_stages import accepted_lines
from tests.integration.test_back_pressure import ready
from tests.patience import PATIENCE_S
from yibao.main import run

pytestmark = pytest.mark.timeout(600)

RECORDS = 24
PARTITIONS = 3
PREFIX = "bound-"


def copy_of(file, name, *, url):
    """The site's file with another platform address, and nothing else changed."""
    document = yaml.load(file.read_text("utf-8"), Loader=yaml.BaseLoader)
    document["platform"]["url"] = url
    copied = file.with_name(f"{name}.yaml")
    copied.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    return copied


class Scene:
    """A site with records to deliver, its platform, and the platform that a copy of its file names."""

    def __init__(self, servers, home, url, other_url):
        self.home, self.url, self.other_url = home, url, other_url
        self.file = write_site(home, prefix=PREFIX, bootstrap_servers=servers, platform_url=url, partitions=PARTITIONS)
        self.copy = copy_of(self.file, "copy", url=other_url)
        apply_topics(self.file)
        asyncio.run(fill(servers, PREFIX, (ready(number, PARTITIONS) for number in range(RECORDS))))
        site = load_site(self.file)
        self.client, self.topic = client_options(site), site.topics.binding

    @property
    def bound(self):
        return read_binding(self.client, self.topic)

    def worker(self, file, index):
        return worker("deliver", site=file, home=self.home, index=index)

    def forget(self):
        """Somebody deletes the topic; or no version that knows it has been here."""
        admin = KafkaAdminClient(**self.client)
        try:
            admin.delete_topics([self.topic])
            wait_for(lambda: self.topic not in admin.list_topics())
        finally:
            admin.close()


def wait_for(condition):
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture
def yibao(monkeypatch, capsys):
    """The command line, in this process."""

    def call(*words, config):
        monkeypatch.setattr(sys, "argv", ["yibao", *words, "-c", str(config)])
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        return stopped.value.code or 0, told.out, told.err

    return call


@pytest.fixture(scope="module")
def scene(kafka, tmp_path_factory):
    home = tmp_path_factory.mktemp("site")
    with platform(0.0, home=home) as url, platform(0.0, home=home) as other_url:
        yield Scene(kafka.bootstrap_servers, home, url, other_url)


def test_a_worker_with_a_copy_of_the_file_posts_nothing_while_the_site_works_on(scene, yibao):
    """It would take half of the lanes and report real records to the wrong platform."""
    with scene.worker(scene.copy, 1) as copied, scene.worker(scene.file, 0) as own:
        wait_for(lambda: copied.process.poll() is not None or taken(scene.other_url)[0])
        assert ((0, 0), Exit.OTHER_SITE) == (taken(scene.other_url), copied.process.poll())
        *_, died = [json.loads(line) for line in (scene.home / "deliver-1.log").read_text("utf-8").splitlines()]
        assert ("worker_died", True, True) == (died["event"], scene.url in died["reason"], scene.other_url in died["reason"])
        wait_for(lambda: own.check() or taken(scene.url)[0])
        code, _, err = yibao("topics", "apply", "--rebind", "platform", "--why", "try", config=scene.copy)
        assert (1, True, scene.url) == (code, "workers run: bound-yibao-deliver" in err, scene.bound.identity.platform)
        wait_for(lambda: len(accepted_lines(scene.file)) == RECORDS)
    assert (0, 0) == taken(scene.other_url)


def test_what_a_copy_may_not_do_says_so_and_changes_nothing(scene, yibao):
    """`topics apply` in a test environment's set-up script would bind the hospital's topics to the test platform."""
    before = scene.bound
    code, _, err = yibao("topics", "apply", config=scene.copy)
    assert (2, True, True) == (code, "--rebind platform" in err, scene.other_url in err)
    code, out, _ = yibao("topics", "plan", "-o", "json", config=scene.copy)
    binding = json.loads(out)["binding"]
    assert (1, "refuse", [{"what": "platform", "bound": scene.url, "here": scene.other_url}]) == (
        code,
        binding["action"],
        binding["differences"],
    )
    code, _, err = yibao("connector", "delete", "his", "--yes", config=scene.copy)
    assert (2, True) == (code, "the topics belong to" in err)
    code, _, err = yibao("connector", "apply", config=scene.copy)  # neither its database nor its Connect is there to be asked
    assert (2, True) == (code, "the topics belong to" in err)
    code, _, err = yibao("dlq", "summary", config=scene.copy)
    assert (0, True) == (code, err.startswith("warning: this file is not the site"))
    assert before == scene.bound


def test_a_mistyped_institution_is_told_before_a_record_carries_its_code(scene, yibao):
    """Its rows were reported once more under a code that the platform did not know, and nothing had warned."""
    document = yaml.load(scene.file.read_text("utf-8"), Loader=yaml.BaseLoader)
    code = document["institutions"][0]["code"]
    document["institutions"][0]["code"] = mistyped = f"{code[:-2]}99"
    file = scene.file.with_name("mistyped.yaml")
    file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    before, site = scene.bound, load_site(file)
    ended, _, err = yibao("topics", "apply", config=file)
    assert (2, True, True) == (ended, mistyped in err, f"--rebind institutions.{code}" in err)
    with pytest.raises(Fatal, match="mistyped") as refused:
        asyncio.run(demand_site(broker_settings(site), identity_of(site), topic=scene.topic))
    assert (Exit.OTHER_SITE, before) == (refused.value.exit_code, scene.bound)


def test_a_copy_under_a_prefix_of_its_own_is_not_bound_to_the_same_platform(scene, yibao):
    """It remembers nothing of what was reported: the platform got every record a second time, and all checks were green."""
    document = yaml.load(scene.file.read_text("utf-8"), Loader=yaml.BaseLoader)
    document["kafka"]["topic_prefix"] = f"copy-of-{PREFIX}"
    twin = scene.file.with_name("twin.yaml")
    twin.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
    site = load_site(twin)
    code, _, err = yibao("topics", "apply", config=twin)
    assert (1, True, None) == (code, f"kafka.topic_prefix {PREFIX}" in err, read_binding(scene.client, site.topics.binding))
    code, out, _ = yibao("topics", "plan", "-o", "json", config=copy_of(twin, "another", url=scene.other_url))
    assert (0, "bind") == (code, json.loads(out)["binding"]["action"])


def test_of_two_that_bind_at_the_same_time_the_second_is_told(scene):
    """Both saw topics that were bound to nothing, or to the same."""
    here = identity_of(load_site(scene.copy))
    late = replace(scene.bound, identity=here, entry=replace(scene.bound.entry, id="late"), after="")
    with pytest.raises(Refused, match="somebody else bound the topics at the same time"):
        write_binding(scene.client, scene.topic, late)


def test_topics_that_have_worked_unbound_are_bound_by_a_persons_word_alone(scene, yibao):
    """After an upgrade, whoever comes first would bind them, and that may be a copy."""
    scene.forget()
    site = load_site(scene.file)
    with pytest.raises(Fatal, match=r"bound-site\.binding is missing or empty") as ended:
        asyncio.run(demand_site(broker_settings(site), identity_of(site), topic=scene.topic))
    assert Exit.OTHER_SITE == ended.value.exit_code
    for file in (scene.copy, scene.file):
        code, _, err = yibao("topics", "apply", config=file)
        assert (2, True, None) == (code, "topics apply --bind" in err, scene.bound)
    wait_for(lambda: yibao("topics", "apply", "--bind", config=scene.file)[0] == 0)  # a worker that ended may count for a while
    assert scene.url == scene.bound.identity.platform


def test_a_platform_that_moved_is_rebound_by_name_and_reason(scene, yibao):
    """Afterwards the file of before is the one that is refused."""
    mark = scene.bound.mark
    code, _, err = yibao("topics", "apply", "--rebind", "platform", config=scene.copy)
    assert (2, True) == (code, "--why" in err)
    assert 0 == yibao("topics", "apply", "--rebind", "platform", "--why", "moved", config=scene.copy)[0]
    assert (scene.other_url, "moved", mark) == (scene.bound.identity.platform, scene.bound.entry.why, scene.bound.mark)
    assert 2 == yibao("topics", "apply", config=scene.file)[0]

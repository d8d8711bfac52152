"""Somebody resets the offsets of a running site: nothing is reported from the beginning, and a person can go on without doubles."""

import asyncio
import json
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata

from streams.broker_wiring import broker_access, client_options
from streams.lanes.exits import Exit
from streams.lanes.marks import seq_of
from streams.mapping import load_site
from streams.topics.audit_log import read_audit
from streams.topics.broker import Broker
from tests.bench.bench_site import write_site
from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import fold_all
from tests.bench.processes import platform
from tests.bench.topics import apply_topics, fill
from tests.forks import worker
from tests.in_process import yibao
from tests.integration.both_stages import accepted_lines, run_until
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 3
PREFIX = "reset-"


class Scene:
    """A site with its platform, before and after the accident."""

    def __init__(self, servers, home):
        self.servers, self.home = servers, home
        self.running = ExitStack()
        url = self.running.enter_context(platform(0.0, home=home))
        self.file = write_site(home, prefix=PREFIX, bootstrap_servers=servers, platform_url=url, partitions=PARTITIONS)
        apply_topics(self.file)
        site = load_site(self.file)
        self.topics, self.client = site.topics, client_options(site)

    def fill(self, messages):
        asyncio.run(fill(self.servers, PREFIX, messages))

    def accepted(self):
        """How often each content of each record was accepted, by the platform's own answers."""
        return Counter((service, line.key, line.hash) for service, line in accepted_lines(self.file))

    def run_until(self, count):
        """Both stages, until so many records are accepted."""
        run_until(self.file, self.home, count)

    def ends(self):
        """How workers of both stages end that are left alone."""
        with ExitStack() as running:
            workers = [running.enter_context(worker(stage, site=self.file, home=self.home)) for stage in ("join", "deliver")]
            return [one.process.wait(PATIENCE_S) for one in workers]

    def write(self, stage, offsets):
        """What a person does with kafka-python: offset and metadata by partition, tried until the last member is forgotten."""
        topic = {"join": self.topics.changes, "deliver": self.topics.ready}[stage]
        admin = KafkaAdminClient(**self.client)
        try:
            wanted = {TopicPartition(topic, number): OffsetAndMetadata(*place, -1) for number, place in offsets.items()}
            until = time.monotonic() + PATIENCE_S
            while any(getattr(error, "errno", 0) for error in admin.alter_group_offsets(self.topics.group(stage), wanted).values()):
                assert time.monotonic() < until
                time.sleep(0.5)
        finally:
            admin.close()

    def recover(self, stage, *options):
        """What the verb says and its exit code, asked until the last member of the stages is forgotten."""
        words = ["offsets", "recover", "--config", self.file, "--stage", stage, "--output", "json", *options]
        until = time.monotonic() + PATIENCE_S
        while "workers run" in (done := yibao(*words))[2]:
            assert time.monotonic() < until
            time.sleep(0.5)
        code, out, err = done
        assert out, err
        return code, json.loads(out), err

    def committed(self, stage):
        with Broker(broker_access(load_site(self.file))) as broker:
            topic = {"join": self.topics.changes, "deliver": self.topics.ready}[stage]
            return broker.committed(self.topics.group(stage), topic, range(PARTITIONS))


def test_offsets_that_somebody_reset_are_written_again_without_a_double(kafka, tmp_path):
    """Nothing that was accepted goes out again, and the rest does; what is not lost stays; and it is kept who did it, and why."""
    lookups, changes = hospital_messages(10, partitions=PARTITIONS)
    half = len(changes) // 2
    expected = [
        len(fold_all(Load(lookups=lookups, changes=some, partitions=PARTITIONS)).emissions) for some in (changes[:half], changes)
    ]
    scene = Scene(kafka.bootstrap_servers, tmp_path)
    with scene.running:
        scene.fill(lookups)
        scene.fill(changes[:half])
        scene.run_until(expected[0])
        right = {stage: scene.committed(stage) for stage in ("join", "deliver")}
        for stage in ("join", "deliver"):
            scene.write(stage, dict.fromkeys(range(1, PARTITIONS), (0, "")))
        scene.fill(changes[half:])
        assert [Exit.FOREIGN_OFFSET, Exit.FOREIGN_OFFSET] == scene.ends()
        wrong = scene.committed("join")
        code, planned, _ = scene.recover("join", "--dry-run")
        assert (0, False, wrong) == (code, planned["written"], scene.committed("join")), planned
        for stage in ("join", "deliver"):
            well = scene.committed(stage)[0]
            code, done, said = scene.recover(stage, "--why", "a console's button")
            assert (0, True) == (code, done["written"]), (said, done)
            assert ["keep", *["write"] * (PARTITIONS - 1)] == [one["action"] for one in done["partitions"]]
            now = scene.committed(stage)
            assert well == now.pop(0)
            assert {number: seq_of(right[stage][number].metadata) for number in now} == {
                number: seq_of(one.metadata) for number, one in now.items()
            }
        scene.run_until(expected[1])
        accepted = scene.accepted()
        orders = [one.entry for one in read_audit(scene.client, scene.topics.audit) if one.entry.action == "offsets recover"]
    assert expected[1] == accepted.total()
    assert {1} == set(accepted.values()), "accepted twice"
    assert [("join", "a console's button"), ("deliver", "a console's button")] == [(one.facts["stage"], one.why) for one in orders]
    assert [] == [one for one in orders if "@" not in one.by]

"""Somebody resets the offsets of a running site: nothing is reported from the beginning, and a person can go on without doubles."""

import asyncio
import time
from collections import Counter
from contextlib import ExitStack

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.structs import OffsetAndMetadata

from streams.deliver.receipt import decode_receipt
from streams.domain.ready import number_of
from streams.lanes.exits import Exit
from streams.mapping import load_site
from streams.topics.whole import read_whole
from streams.wiring import client_options
from tests.bench.bench_site import write_site
from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import fold_all
from tests.bench.processes import platform, worker
from tests.bench.topics import apply_topics, fill
from tests.integration.both_stages import accepted_lines, run_until
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 12
PREFIX = "reset-"


class Scene:
    """A site with its platform, before and after the accident."""

    def __init__(self, servers, home):
        self.servers, self.home = servers, home
        self.running = ExitStack()
        url = self.running.enter_context(platform(0.0, home=home))
        self.file = write_site(home, prefix=PREFIX, bootstrap_servers=servers, platform_url=url)
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

    def numbers(self):
        """Number and offset of every record in `visit.ready`, by partition."""
        found = {number: [] for number in range(PARTITIONS)}
        for message in read_whole(self.client, self.topics.ready):
            found[message.partition].append((number_of(tuple(message.headers)), message.offset))
        return found

    def settled(self):
        """Partition and number of every record that has a receipt; this platform refuses none."""
        receipts = [(message.partition, decode_receipt(message.value)) for message in read_whole(self.client, self.topics.receipts)]
        return {(partition, line.number) for partition, receipt in receipts for line in receipt.records}


def test_offsets_that_somebody_reset_are_written_again_without_a_double(kafka, tmp_path):
    """The recovery in docs/operations.md, step by step: nothing that was accepted goes out again, and the rest does."""
    lookups, changes = hospital_messages(40, partitions=PARTITIONS)
    half = len(changes) // 2
    expected = [
        len(fold_all(Load(lookups=lookups, changes=some, partitions=PARTITIONS)).emissions) for some in (changes[:half], changes)
    ]
    scene = Scene(kafka.bootstrap_servers, tmp_path)
    with scene.running:
        scene.fill(lookups)
        scene.fill(changes[:half])
        scene.run_until(expected[0])
        for stage in ("join", "deliver"):
            scene.write(stage, dict.fromkeys(range(PARTITIONS), (0, "")))
        scene.fill(changes[half:])
        assert [Exit.FOREIGN_OFFSET, Exit.FOREIGN_OFFSET] == scene.ends()
        ready, settled = scene.numbers(), scene.settled()
        scene.write("join", {number: (0, f'{{"seq":{len(records) + 1}}}') for number, records in ready.items()})
        first = {}
        for number, records in ready.items():
            left = [(seq, offset) for seq, offset in records if (number, seq) not in settled]
            seq, offset = left[0] if left else (len(records) + 1, records[-1][1] + 1 if records else 0)
            first[number] = offset, f'{{"seq":{seq}}}'
        scene.write("deliver", first)
        scene.run_until(expected[1])
        accepted = scene.accepted()
    assert expected[1] == accepted.total()
    assert {1} == set(accepted.values()), "accepted twice"

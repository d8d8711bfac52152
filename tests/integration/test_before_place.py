"""A site that ran before there was a place stage: it goes on where it stood, with rows in its topic that nobody has joined yet."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from streams.lanes.marks import join_mark
from streams.mapping import load_site
from streams.topics.broker import Broker
from streams.wiring import broker_access
from tests.bench.bench_site import write_site
from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import fold_all
from tests.bench.processes import platform
from tests.bench.topics import apply_topics, fill
from tests.integration.both_stages import accepted_lines, run_until

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

PARTITIONS = 4
PREFIX = "before-"
AGAIN = 200
"""Changes that capture sends again when it is started anew with another configuration."""


def test_what_capture_wrote_before_is_joined_and_then_what_the_place_stage_writes(kafka, tmp_path):
    """No drain, no snapshot, and nothing is reported twice: an upgrade takes as long as a restart."""
    lookups, changes = hospital_messages(60, partitions=PARTITIONS)
    third = len(changes) // 3
    first, whole = (
        [one.record for one in fold_all(Load(lookups=lookups, changes=some, partitions=PARTITIONS)).emissions]
        for some in (changes[:third], changes)
    )
    with platform(0.0, home=tmp_path) as url:
        file = write_site(
            tmp_path, prefix=PREFIX, bootstrap_servers=kafka.bootstrap_servers, platform_url=url, partitions=PARTITIONS
        )
        apply_topics(file)

        def write(messages):
            asyncio.run(fill(kafka.bootstrap_servers, PREFIX, messages))

        write(lookups)
        write(changes[:third])
        run_until(file, tmp_path, len(first))
        write(changes[third : 2 * third])  # captured by the old connector while the workers were stopped
        write([replace(one, topic="rows.his", partition=0) for one in changes[2 * third - AGAIN :]])
        run_until(file, tmp_path, len(whole), stages=("place", "join", "deliver"))
        accepted = Counter((service, line.key, line.hash) for service, line in accepted_lines(file))
        expected = Counter((f"{one.service}", one.key, one.content_hash) for one in whole)
        site = load_site(file)
        with Broker(broker_access(site)) as broker:
            marks = broker.committed(site.topics.group("join"), site.topics.changes, range(PARTITIONS))
    assert expected == accepted
    both = [number for number, one in marks.items() if join_mark(one.metadata).taken]
    assert PARTITIONS // 2 < len(both), "few partitions had something of the place stage: a poor test"

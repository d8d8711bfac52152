"""A platform that is away for days must not fill a worker's memory: what waits, waits in Kafka."""

import asyncio
import os
import time

from streams.domain.ready import Emission, encode
from streams.domain.records import Record
from streams.spec.fields import ServiceCode
from tests.bench.bench_site import write_site
from tests.bench.messages import Message
from tests.bench.processes import worker
from tests.bench.topics import apply_topics, fill
from tests.patience import PATIENCE_S

PARTITIONS = 12
WAITING = int(os.environ.get("YIBAO_WAITING", "120000"))
MOST_MIB = 400
NOBODY = "http://127.0.0.1:9"


def ready(number, partitions=PARTITIONS):
    record = Record(
        service=ServiceCode.FEE,
        institution="H36110200001",
        infno="4205",
        key=f"F{number:012}",
        value=b'{"BKKP_SN":"%012d","PAD":"%b"}' % (number, b"x" * 800),
        content_hash=f"{number:032x}",
        mapping_version="sample-his@0123456789abcdef",
        business_day="2025-06-02",
        amount="12.50",
    )
    place, sequence = number % partitions, number // partitions + 1
    emission = Emission(
        record=record,
        visit_key=b"V%09d" % (number // 10),
        position=f"{number}",
        committed_at=1_760_000_000_000,
        captured_at=1_760_000_000_100,
    )
    key, value, headers = encode(emission, sequence)
    return Message(topic="visit.ready", partition=place, key=key, value=value, headers=tuple(headers))


def test_a_worker_holds_no_more_of_what_waits_than_its_lanes_may(kafka, tmp_path):
    """Three times as many records as the lanes may hold: the worker stops fetching and stays within its memory."""
    site = write_site(tmp_path, prefix="pressure-", bootstrap_servers=kafka.bootstrap_servers, platform_url=NOBODY)
    apply_topics(site)
    asyncio.run(fill(kafka.bootstrap_servers, "pressure-", map(ready, range(WAITING))))
    with worker("deliver", site=site, home=tmp_path) as running:
        log = tmp_path / "deliver-0.log"
        until = time.monotonic() + PATIENCE_S
        while log.read_text(encoding="utf-8").count('"lane_opened"') < PARTITIONS:
            running.check()
            assert time.monotonic() < until, "the lanes did not open"
            time.sleep(0.2)
        seen = [0.0]
        while len(seen) < 4 or seen[-1] - seen[-4] > 1.0:
            running.check()
            assert time.monotonic() < until, f"memory keeps growing: {seen[-4:]}"
            time.sleep(1.0)
            seen.append(running.rss_mib)
        assert max(seen) < MOST_MIB

"""`yibao lag` against a broker's own transactions: exact to the record, whatever else has an offset in the topics."""

import asyncio
import json
import time

import pytest
import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streams.domain.ready import Emission, encode
from streams.domain.records import Record
from streams.lanes.deliver.aside import Aside
from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.marks import DeliverMark, JoinMark, PlaceMark, place_mark
from streams.lanes.ports import Committed, Send, TopicPartition
from streams.mapping import load_site
from streams.spec.fields import ServiceCode
from streams.topics.ahead import Lookahead
from streams.topics.broker import Broker
from streams.wiring import broker_access, client_options
from tests.bench.bench_site import write_site
from tests.bench.topics import apply_topics
from tests.integration.serving import until
from tests.patience import PATIENCE_S
from tests.settings import broker_settings
from yibao.options import Output
from yibao.verbs.lag import lag as verb

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

BUSY, ASIDE = "H36110200001", "H36110300002"
HOUR_MS = 3_600_000
PARTITIONS = 2
BETWEEN_S = 0.2
"""Between the two looks of an answer. Nothing moves here: a longer time shows no more."""


@pytest.fixture
def lag(capsys, monkeypatch):
    """The verb, in this process: exit code and document."""
    monkeypatch.setattr("yibao.verbs.lag.BETWEEN_S", BETWEEN_S)

    def ask(file, **options):
        code = 0
        try:
            verb(config=file, output=Output.JSON, **options)
        except typer.Exit as ended:
            code = ended.exit_code
        return code, json.loads(capsys.readouterr().out)

    return ask


def waiting(said):
    return {one["stage"]: one["waiting"] for one in said["stages"]}


def partition(said, stage, number):
    (found,) = (one for one in said["partitions"] if (one["stage"], one["partition"]) == (stage, number))
    return found


def ready(number, *, institution, captured_at):
    record = Record(
        service=ServiceCode.FEE,
        institution=institution,
        infno="4205",
        key=f"F{number}",
        value=b"{}",
        content_hash=f"{number:032x}",
        mapping_version="m",
        business_day="2025-06-02",
        amount="1.00",
    )
    emission = Emission(record=record, visit_key=b"V", position="1", committed_at=captured_at - 100, captured_at=captured_at)
    return encode(emission, number)


class Stages:
    """Writes and commits what the stages write and commit, one transaction each."""

    def __init__(self, bootstrap, topics, born):
        self._broker = KafkaBroker(broker_settings(bootstrap))
        self._bootstrap, self.topics, self.born = bootstrap, topics, born

    async def captured(self, times_ms):
        """Rows, as capture writes them: in no transaction."""
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap) as producer:
            for at in times_ms:
                await producer.send_and_wait(self.topics.rows("his"), b"{}", key=b"k", partition=0, timestamp_ms=at)

    async def aborted(self, topic, count):
        """Messages that nobody ever reads, and the mark of their end."""
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap, transactional_id=f"{topic}-x") as producer:
            await producer.begin_transaction()
            for _ in range(count):
                await producer.send_and_wait(topic, b"{}", partition=0)
            await producer.abort_transaction()

    async def _commit(self, stage, at, offset, mark, sends):
        producer = self._broker.producer(f"{self.topics.prefix}{stage}-{at.partition}")
        await producer.start()
        await producer.begin()
        if sends:
            await producer.write(sends, at.partition)
        await producer.send_offset(self.topics.group(stage), at, Committed(offset=offset, metadata=mark.text()))
        await producer.commit()
        await producer.stop()

    async def ticked(self, at_ms):
        """What the join writes for itself: it has no number, and nobody waits for it."""
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap) as producer:
            await producer.send_and_wait(self.topics.changes, b'{"yibao":"tick"}', partition=0, timestamp_ms=at_ms)

    async def placed(self, offset, first, times_ms):
        """Rows of partition 0, with the time of their capture. first: number of the first."""
        headers = (("from", f"his/{self.born}".encode()),)
        sends = [
            Send(self.topics.changes, b"V", b"{}", (*headers, ("seq", b"%d" % number)), 0, at)
            for number, at in enumerate(times_ms, first)
        ]
        mark = PlaceMark(out=(first + len(times_ms), *[1] * (PARTITIONS - 1)), born=self.born)
        await self._commit("place", TopicPartition(self.topics.rows("his"), 0), offset, mark, sends)

    async def joined(self, offset, taken, seq, records):
        sends = [Send(self.topics.ready, key, value, headers, 0) for key, value, headers in records]
        mark = JoinMark(seq=seq, born=self.born, taken={f"his/{self.born}": taken})
        await self._commit("join", TopicPartition(self.topics.changes, 0), offset, mark, sends)

    async def delivered(self, offset, mark):
        await self._commit("deliver", TopicPartition(self.topics.ready, 0), offset, mark, [])

    async def stop(self):
        await self._broker.stop()


async def test_what_waits_is_counted_to_the_record_and_a_drained_topic_has_none(kafka, tmp_path, lag):
    """An alarm that never goes silent, because the mark of a transaction counts as a record, is switched off within a week."""
    bootstrap = kafka.bootstrap_servers
    about = {"prefix": "lag-", "platform_url": "http://127.0.0.1:9", "partitions": PARTITIONS}
    file = write_site(tmp_path, bootstrap_servers=bootstrap, **about)
    await asyncio.to_thread(apply_topics, file)
    site = load_site(file)
    topics, now = site.topics, time.time_ns() // 1_000_000
    with Lookahead(client_options(site)) as ahead:
        missing = ahead.behind({("lag-nothing", 0): 0, (topics.ready, 99): 0}, most=1, deadline_s=5.0)
    assert [(False, []), (False, [])] == [(one.whole, one.seen) for one in missing.values()]
    with Broker(broker_access(site)) as broker:
        born = place_mark(broker.committed(topics.group("place"), topics.rows("his"), [0])[0].metadata).born
    stages = Stages(bootstrap, topics, born)

    code, idle = await asyncio.to_thread(lag, file)
    assert (0, {"place (his)": 0, "join": 0, "deliver": 0}) == (code, waiting(idle))

    await stages.aborted(topics.rows("his"), 3)  # four offsets, and no row
    await stages.captured([now - 3 * HOUR_MS, now - HOUR_MS, now - HOUR_MS])
    await stages.placed(4, 1, [now - 8 * HOUR_MS] * 2)
    await stages.ticked(now - 7 * HOUR_MS)
    await stages.placed(5, 3, [now - 2 * HOUR_MS + number for number in range(3)])
    records = [
        ready(1, institution=ASIDE, captured_at=now - 5 * HOUR_MS),
        ready(2, institution=BUSY, captured_at=now - 60_000),
        ready(3, institution=ASIDE, captured_at=now - 4 * HOUR_MS),
        ready(4, institution=BUSY, captured_at=now - 90_000),
    ]
    await stages.joined(3, 3, 5, records)
    await stages.delivered(2, DeliverMark(seq=3, aside={ASIDE: Aside(number=1, offset=0, since=now // 1000, waiting=1)}))
    code, behind = await asyncio.to_thread(lag, file)
    assert (1, {"place (his)": 2, "join": 3, "deliver": 3}) == (code, waiting(behind))
    assert (False, None) == (behind["stages"][0]["at_most"], partition(behind, "deliver", 0)["owner"])
    ages = [partition(behind, stage, 0)["oldest_age_s"] for stage in ("place", "join", "deliver")]
    assert [3600, 7200, 5 * 3600] == [int(age // 60) * 60 for age in ages]
    kinds = {one["institution"]: (one["waiting"], int(one["oldest_age_s"] // 60)) for one in behind["kinds"]}
    assert {BUSY: (1, 1), ASIDE: (2, 300)} == kinds
    assert ("stands", True) == (_pace(behind["stages"][2]), behind["all_kinds"])
    code, busy = await asyncio.to_thread(lag, file, institution=BUSY, max_age=300)
    assert (0, {"deliver": 1}) == (code, waiting(busy))

    await stages.aborted(topics.changes, 2)
    await stages.placed(8, 6, [])
    await stages.joined(8, 6, 5, [])
    await stages.delivered(4, DeliverMark(seq=5))
    with Broker(broker_access(site)) as broker:
        assert broker.ends(topics.changes)[0] > 8
        assert broker.ends(topics.ready)[0] > 4
    options = {"group_id": topics.group("deliver"), "client_id": "deliver-0", "enable_auto_commit": False}
    async with AIOKafkaConsumer(topics.ready, bootstrap_servers=bootstrap, **options) as one:

        async def shared():
            return bool(one.assignment())

        await until(shared, PATIENCE_S, "the group has no member")
        code, drained = await asyncio.to_thread(lag, file)
    assert (0, {"place (his)": 0, "join": 0, "deliver": 0}) == (code, waiting(drained))
    assert partition(drained, "deliver", 0)["owner"].startswith("deliver-0 at ")
    await stages.stop()


def _pace(stage):
    return "stands" if (stage["rate_per_s"], stage["drains"]) == (0, False) else "moves"

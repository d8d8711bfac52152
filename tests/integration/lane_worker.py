"""A worker process for the tests of the lanes: the real apps around a toy fold and a toy platform. argv[1]: settings as JSON."""
# ruff: noqa: ARG002 - toys have the signatures of what they stand for

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import orjson

from connector.contract import Topics
from streams.agents.background import run_app
from streams.agents.connection import AppSettings
from streams.agents.deliver import DeliverStage, deliver_app
from streams.agents.join import JoinStage, join_app
from streams.deliver.causes import RetryCause
from streams.deliver.verdict import Accepted, Refused, Retry
from streams.domain.batch.cut import CutLimits
from streams.domain.join.fold import Joiner
from streams.domain.join.indexed import Index
from streams.domain.join.results import Folded
from streams.domain.ready import Emission
from streams.domain.records import Record
from streams.lanes.context import LaneContext
from streams.lanes.deliver.delivery import DeliverShared
from streams.lanes.deliver.health import Health
from streams.lanes.kafka_broker import KafkaBroker
from streams.spec.fields import ServiceCode
from streams.telemetry.dying import die
from streams.telemetry.events import configure
from streams.telemetry.outcomes import Outcomes
from tests.settings import broker_settings, deliver_settings, join_settings, lane_settings
from tests.unit.streams.domain.join.join_rig import LIMITS, PATIENT, mappings

INSTITUTION = "H36110200001"


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


class NoLookups:
    """There are none."""

    def __init__(self):
        self.faults = {}

    def find(self, name, key):
        return PATIENT if name == "patient" else None

    async def caught_up(self):
        return None

    async def stop(self):
        return None


class CountingFold:
    """Each input gives one or two records, which carry how many inputs of their visit came before: any loss or repeat shows."""

    def fold(self, incoming, view, lookups, passed):
        entries = view.visit(incoming.key)
        state_key = incoming.key + b"\x1fv"
        count = int(entries.get(state_key, b"r0")[1:]) + 1
        number = orjson.loads(incoming.value)["i"]
        ready = tuple(self._emission(incoming, number, part, count) for part in range(1 + number % 2))
        return Folded(state={state_key: b"r%d" % count}, ready=ready, counts={"emitted": len(ready)})

    def _emission(self, incoming, number, part, count):
        service = ServiceCode("fee_list_d" if part else "setl_d")
        value = orjson.dumps({"i": number, "part": part, "n": count, "visit": incoming.key.decode()})
        record = Record(
            service=service,
            institution=INSTITUTION,
            infno="2207",
            key=f"{number}-{part}",
            value=value,
            content_hash="0" * 32,
            mapping_version="1",
            business_day="2024-01-01",
            amount="",
        )
        return Emission(
            record=record,
            visit_key=incoming.key,
            position="1",
            committed_at=incoming.timestamp_ms,
            captured_at=incoming.timestamp_ms,
        )


def joiner(portion):
    """The join itself, of which a tick, or a change, does so much at once."""
    limits = replace(LIMITS, rows_a_tick=portion, lines_a_change=portion, few_lines=0, many_lines=0)
    return Joiner(mappings(), limits, zone=mappings()["his"].dialect.zone)


class HttpPlatform:
    """The way to a `FakePlatform` in the test's process (`serving.served`)."""

    def __init__(self, url):
        self._url = url
        self._session = None

    def prepare(self, batch, msgid):
        """Nothing is sealed here."""

    async def post(self, batch, msgid, *, refused_before=False):
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3.0))
        records = [{"number": one.number, "key": one.record_key, "value": one.value.decode()} for one in batch.records]
        try:
            async with self._session.post(self._url, data=orjson.dumps({"msgid": msgid, "records": records})) as answer:
                code = (await answer.json())["code"]
        except (aiohttp.ClientError, TimeoutError):
            return Retry(cause=RetryCause.CONNECTION)
        if code in (200, 40005):
            return Accepted(code=str(code), repeated=code == 40005)
        return Refused(code=str(code), http_status=200, message="no")


def main(options):
    configure(human=False)
    stage = options["stage"]
    topics = Topics(prefix=options["prefix"])
    broker = broker_settings(options["bootstrap"])
    lanes = lane_settings(linger_s=options.get("linger_s", 0.1), **options.get("lanes", {}))
    outcomes = Outcomes(stage)
    context = LaneContext(
        broker=KafkaBroker(broker),
        stage=stage,
        group=topics.group(stage),
        settings=lanes,
        outcomes=outcomes,
        clock=time.monotonic,
        servers=broker.bootstrap_servers,
        die=die,
    )
    app = AppSettings(
        group=topics.group(stage),
        client_id=f"test-{stage}",
        broker=broker,
        home=Path(options["home"]),
        **{"session_timeout_s": 6.0, **options.get("app", {})},
    )
    shared = DeliverShared(
        topics=topics,
        platform=HttpPlatform(options.get("url", "")),
        limits=CutLimits(max_chars=50_000, max_rows=20, sealed_chars=lambda plain: 2 * plain),
        settings=deliver_settings(**options.get("deliver", {})),
        health=Health(deliver_settings(), clock=time.monotonic, most=0),
        wall_ms=wall_ms,
        site="s1te",
    )
    join = JoinStage(
        app=app,
        topics=topics,
        sources=(),
        context=context,
        settings=join_settings(),
        fold=joiner(options["portion"]) if "portion" in options else CountingFold(),
        lookups=NoLookups(),
        index=Index(),
        wall_ms=wall_ms,
    )

    async def make():
        deliver = DeliverStage(app=app, context=context, shared=shared, share_limits=lambda _held: None)
        return join_app(join) if stage == "join" else deliver_app(deliver)

    run_app(make)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

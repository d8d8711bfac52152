"""The parts that no such path can do without, each alone, on the records of the same run: what the whole is compared with.

Fetch and parse every change; build every record; produce it; fetch it again; seal it in full batches (SM2, hex); POST the batch.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from unittest.mock import patch

import aiohttp
import orjson
from aiokafka import AIOKafkaProducer

from connector.contract import TableRole
from streams.agents.background import collect_less_often
from streams.built import core
from streams.deliver.request import array
from streams.domain.changes import Incoming, RowChange, decode
from streams.domain.join.fold import Joiner
from streams.domain.join.limits import JoinLimits
from streams.domain.normalise.record import normalise
from streams.domain.ready import Emission, encode
from streams.domain.records import Row
from streams.errors import Misconfigured
from streams.lanes.join.overlay import Overlay
from streams.lanes.join.state import State
from streams.lanes.kafka_broker import connection
from streams.lanes.ports import TopicPartition
from streams.lanes.settings import BrokerSettings
from streams.mapping import compile_site, load_site
from streams.seal import Encoding, Sealer, generate_key_pair, max_plain_bytes
from tests.bench.messages import SAMPLE, Load
from tests.bench.topics import read_all, reader

_CHARS = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """CPU microseconds per record."""

    fetch_changes: float
    """Fetch all changes that a record takes."""
    parse: float
    """Parse the JSON of all these changes."""
    build: float
    """Build the record."""
    produce: float
    """Write it to a topic."""
    fetch_ready: float
    """Fetch it again."""
    seal: float
    """Encrypt it, in full batches."""
    post: float
    """POST it, in these batches."""

    @property
    def total(self) -> float:
        return float(sum(asdict(self).values()))


class Known:
    """The lookup rows of a load."""

    def __init__(self, load: Load) -> None:
        (mapping,) = load_site(SAMPLE).mappings.values()
        tables = {table.table: table for table in mapping.tables if table.role is TableRole.LOOKUP}
        self._rows: dict[tuple[str, tuple[str, ...]], Row] = {}
        for message in load.lookups:
            change = decode(message.value)
            assert isinstance(change, RowChange)
            table = tables[change.table]
            self._rows[table.lookup_name, tuple(f"{change.row[name]}" for name in table.key)] = change.row

    def find(self, name: str, key: tuple[str, ...]) -> Row | None:
        """The row of a lookup."""
        return self._rows.get((name, key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What the fold of a whole load gives."""

    emissions: Sequence[Emission]
    """Records that became ready."""
    builds: Sequence[tuple[tuple[Any, ...], Mapping[str, Any]]]
    """The calls that built them."""
    fold_us: float
    """CPU microseconds per change."""
    states: Sequence[State]
    """By partition."""


def fold_all(load: Load) -> Folded:
    """Fold a load in memory; per change, with the lane's overlay and state but without Kafka. Raises Misconfigured."""
    if core().compiled:
        raise Misconfigured(
            "what a build alone costs is seen in a core of Python alone: measure `place`, or in the checkout itself"
        )
    site = load_site(SAMPLE)
    mappings = compile_site(site)
    joiner = Joiner(
        mappings, JoinLimits(wait_ms=900_000, unsettled_wait_ms=60 * 86_400_000), zone=next(iter(mappings.values())).dialect.zone
    )
    known, emissions = Known(load), list[Emission]()
    builds: list[tuple[tuple[Any, ...], Mapping[str, Any]]] = []
    states = [State(TopicPartition("state", number)) for number in range(load.partitions)]

    def remember(*args: Any, **more: Any) -> Any:
        builds.append((args, more))
        return normalise(*args, **more)

    began = time.process_time()
    with patch("streams.domain.join.building.normalise", remember):
        for offset, message in enumerate(load.changes):
            incoming = Incoming(
                topic=message.topic,
                partition=message.partition,
                offset=offset,
                key=message.key,
                value=message.value,
                headers=(),
                timestamp_ms=1_760_000_000_000,
            )
            overlay = Overlay(states[message.partition])
            folded = joiner.fold(incoming, overlay, known)
            overlay.apply(folded.state)
            states[message.partition].apply(overlay.changed, position=offset)
            states[message.partition].note(folded.missing)
            emissions.extend(folded.ready)
    return Folded(
        emissions=emissions, builds=builds, fold_us=(time.process_time() - began) / len(load.changes) * 1e6, states=states
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Where the parts are measured."""

    servers: str
    """The brokers."""
    prefix: str
    """Of a site whose `visit.changes` holds the load."""
    url: str
    """Of the platform."""


async def measure(load: Load, folded: Folded, venue: Venue) -> Parts:
    """Each part once. Garbage is collected as the workers do, or a part pays for looking through all that the bench keeps."""
    collect_less_often()
    records = len(folded.emissions)
    values = [emission.record.value for emission in folded.emissions]
    batches = list(_full(values))
    sealer = Sealer(generate_key_pair().public, Encoding())
    sealed = [sealer.seal(batch) for batch in batches]
    topic = f"{venue.prefix}capture.notifications"  # nothing else is in it

    async def fetch_changes() -> None:
        async with reader(venue.servers, f"{venue.prefix}visit.changes", load.partitions) as consumer:
            await read_all(consumer, len(load.changes))

    async def fetch_ready() -> None:
        async with reader(venue.servers, topic, 1) as consumer:
            await read_all(consumer, records)

    costs = {
        "produce": await _cost(lambda: _produce(venue.servers, topic, folded.emissions)),
        "fetch_changes": await _cost(fetch_changes),
        "fetch_ready": await _cost(fetch_ready),
        "parse": await _cost(_each(orjson.loads, [message.value for message in load.changes])),
        "build": await _cost(_each(_build, folded.builds)) * records / len(folded.builds),
        "seal": await _cost(_each(sealer.seal, batches)),
        "post": await _cost(lambda: _post(venue.url, sealed)),
    }
    return Parts(**{name: cost / records * 1e6 for name, cost in costs.items()})


async def _cost(work: Callable[[], Any]) -> float:
    began = time.process_time()
    await work()
    return time.process_time() - began


def _each(work: Callable[[Any], object], things: Sequence[Any]) -> Callable[[], Any]:
    async def run() -> None:
        for thing in things:
            work(thing)

    return run


def _build(call: tuple[tuple[Any, ...], Mapping[str, Any]]) -> object:
    return normalise(*call[0], **call[1])


async def _produce(servers: str, topic: str, emissions: Sequence[Emission]) -> None:
    same = connection(BrokerSettings(bootstrap_servers=servers, compression="lz4"))
    producer = AIOKafkaProducer(**same, linger_ms=5, max_batch_size=256 << 10, compression_type="lz4")
    await producer.start()
    try:
        sent = []
        for number, emission in enumerate(emissions, start=1):
            key, value, headers = encode(emission, number)
            sent.append(await producer.send(topic, value, key=key, partition=0, headers=headers))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def _post(url: str, sealed: Sequence[str]) -> None:
    async with aiohttp.ClientSession() as session:
        for data in sealed:
            async with session.post(f"{url}/bench", data=orjson.dumps({"infno": "", "data": data})) as answer:
                await answer.read()


def _full(values: Sequence[bytes]) -> Iterator[bytes]:
    """The values in arrays as large as one envelope carries."""
    most, size = max_plain_bytes(_CHARS, Encoding()), 2
    batch: list[bytes] = []
    for value in values:
        if batch and size + len(value) + 1 > most:
            yield array(batch)
            batch, size = [], 2
        batch.append(value)
        size += len(value) + 1
    yield array(batch)

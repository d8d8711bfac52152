"""The index of a million dead letters: how fast it is made from the topic, what one more letter costs, and what questions take."""

import asyncio
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from sandbox.stack import Stack
from streams.deadletter.filter.grammar import parse
from streams.deadletter.index.counting import summary
from streams.deadletter.index.pages import page
from streams.deadletter.index.selecting import Clock
from streams.deadletter.index.store import letters_in
from streams.domain.records import DeadLetter, RowOrigin
from streams.domain.violations import DeadClass
from streams.indexes.upkeep import Upkeep
from streams.topics.access import BrokerAccess
from tests.bench.many_letters import ManyLetters, Message

LETTERS: Final = 1_000_000
TOPIC: Final = "bench-visit.dead"
PARTITIONS: Final = 12
BY: Final = ("class", "rule", "field", "cause", "service", "institution")
QUESTIONS: Final = (
    "open",
    "class:VALIDATION",
    "class:DICTIONARY cause:X7 institution:H36110200003",
    "class:REJECTED since:1h not owner:clerk",
    "since:24h",
    "key:F777777",
    "id:3fa4",
    "not class:VALIDATION attempts:>1",
    "text:不平",
    "text:7777",
    "text:r24",
    "not text:77",
    "not key:F777777",
    "id:3",
    "not id:3",
    "text:7",
    "text:77",
    "text:zz",
    "not text:7",
    "text:7 class:VALIDATION",
    "text:77 class:REJECTED since:24h",
    "text:77 text:88",
    "text:77 not text:78",
    "until:1h text:77",
    "text:77,88",
    "text:999999",
    "text:平台",
    "not text:平台",
    "not text:7777 since:1h",
)
_NOW_MS: Final = 1_764_000_000_000
_APART_MS: Final = 100
_ROUNDS: Final = 3


def letters(home: Path, number: int = LETTERS) -> dict[str, Any]:
    """Letters a second of a rebuild, seconds of each question, bytes and memory."""
    stack = Stack(home / "stack", services=("kafka",), durable=False, bound=True)
    try:
        servers = stack.up().bootstrap_servers
        asyncio.run(_fill(servers, number))
        return _measured(home, servers, number)
    finally:
        stack.erase()


def _measured(home: Path, servers: str, number: int) -> dict[str, Any]:
    access, clock = BrokerAccess(bootstrap_servers=servers), Clock(now_ms=_NOW_MS, zone=ZoneInfo("Asia/Shanghai"))
    index = Upkeep(store=letters_in(home / "letters", TOPIC), access=access, topic=TOPIC, client_id="bench")
    rebuilds, of_cpu = [], []
    for _ in range(_ROUNDS):
        index.store.drop()
        begun = time.process_time()
        took = _timed(lambda: index.ask(lambda _index: None))
        rebuilds.append(round(number / took))
        of_cpu.append(round(number / (time.process_time() - begun)))
        say(f"made anew: {rebuilds[-1]} letters a second, {of_cpu[-1]} a CPU second")
    size = sum(one.stat().st_size for one in (home / "letters").iterdir())

    def asked(text: str) -> Callable[[], object]:
        return lambda: index.ask(lambda one: page(one, parse(text).with_default(), clock, most=100))

    def questions(text: str) -> list[tuple[float, float]]:
        found, _ = index.ask(
            lambda one: [_timed_both(lambda: page(one, parse(text).with_default(), clock, most=100)) for _ in range(_ROUNDS)]
        )
        return found

    both = {text: questions(text) for text in QUESTIONS}
    pages = {text: [wall for wall, _ in rounds] for text, rounds in both.items()}
    of_pages = {text: [cpu for _, cpu in rounds] for text, rounds in both.items()}
    sums, _ = index.ask(lambda one: [_timed(lambda: summary(one, parse(""), clock, by=BY)) for _ in range(_ROUNDS)])
    whole = [_timed(asked("open")) for _ in range(_ROUNDS)]
    asyncio.run(write(servers, many(letter_of).messages(range(number, number + 1_000))))
    thousand = _timed(asked("open"))
    with ThreadPoolExecutor(4) as several:
        begun = time.monotonic()
        list(several.map(lambda _: asked("class:VALIDATION")(), range(4)))
        at_once = time.monotonic() - begun
    slowest, dearest = max(pages.values(), key=min), max(of_pages.values(), key=min)
    return {
        "letters": number,
        "bytes_of_index_per_letter": size / number,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "pages_s": pages,
        "pages_cpu_s": of_pages,
        "with_a_look_at_the_topic_s": whole,
        "thousand_more_s": thousand,
        "four_at_once_s": at_once,
        "ratios": {
            "letters a second of a rebuild": ratio([float(one) for one in rebuilds], at_least=20_000),
            "letters a CPU second of a rebuild": ratio([float(one) for one in of_cpu], at_least=20_000),
            "seconds of a summary": ratio(sums, at_most=0.5),
            "seconds of the slowest filter and page": ratio(slowest, at_most=0.1),
            "CPU seconds of the dearest filter and page": ratio(dearest, at_most=0.1),
        },
    }


def ratio(rounds: list[float], **target: float) -> dict[str, Any]:
    return {"median": sorted(rounds)[len(rounds) // 2], "rounds": rounds, **target}


def _timed(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return round(time.monotonic() - begun, 4)


def _timed_both(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and CPU seconds."""
    begun = time.process_time()
    took = _timed(work)
    return took, round(time.process_time() - begun, 4)


def letter_of(number: int) -> DeadLetter:
    """Nine of ten letters have one of three causes, as after a bad night; each row has twenty columns."""
    kind = number % 10
    row = RowOrigin(source="his", table="his.charge", key=(f"R{number}",), visit_key=f"V{number // 9}", record_key=f"F{number}")
    columns = {f"column_{at}": f"value {number} of {at}" for at in range(20)}
    violation = {"field": "MED_TYPE", "rule": "DICTIONARY", "level": "refuse", "masked": f"X{number % 60}", "message": "代码"}
    letter = DeadLetter(
        stage="join",
        dead_class=DeadClass.DICTIONARY,
        rule="DICTIONARY",
        service="fee_list_d",
        institution=f"H3611020000{number % 4}",
        record_key=f"F{number}",
        content_hash=f"{number:032x}",
        mapping_version="bench@1",
        message="MED_TYPE/DICTIONARY 医疗类别的院内代码没有对应的接口代码，请补充字典",
        identity=f"{number}",
        key=f"V{number // 9}".encode(),
        value=orjson.dumps({"service": "fee_list_d", "rows": {"fee": columns}, "violations": [violation]}),
        topic="visit.changes",
        partition=number % PARTITIONS,
        offset=number,
        failed_at=_NOW_MS - (LETTERS - number) * _APART_MS,
        row=row,
    )
    if kind in (0, 1, 2):
        return letter
    if kind in (3, 4, 5):
        return replace(
            letter,
            dead_class=DeadClass.JOIN_INCOMPLETE,
            rule="MISSING_LOOKUP",
            message=f"等待超时，缺少关联表中的行（R24）：his.catalogue.code=C{number % 50}",
        )
    if kind in (6, 7, 8):
        said = f"平台拒收：单据 {number} 金额不平"
        return replace(letter, stage="deliver", dead_class=DeadClass.REJECTED, rule="40003", platform_code="40003", message=said)
    return replace(letter, dead_class=DeadClass.VALIDATION, rule=f"R{number % 25}", attempts=number % 3)


async def _fill(servers: str, number: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    await admin.close()
    await write(servers, many(letter_of).messages(range(number)))


def many(of: Callable[[int], DeadLetter]) -> ManyLetters:
    """Letters as `letter_of` makes them. What it counts round by 3, 4, 10, 12, 25, 50 and 60 is the same again after 300."""
    return ManyLetters(of, period=300, visit_of=lambda number: number // 9, say=lambda made: say(f"{made} letters made"))


def say(what: str) -> None:
    """For whoever waits."""
    print(what, file=sys.stderr, flush=True)


async def write(servers: str, every: Iterator[Message]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=512 << 10, compression_type="lz4")
    await producer.start()
    batches: dict[int, Any] = {}
    sent = set()
    for partition, key, value, headers in every:
        entry = {"timestamp": None, "key": key, "value": value, "headers": headers}
        batch = batches.get(partition)
        if batch is None or batch.append(**entry) is None:
            if batch is not None:
                sent.add(await producer.send_batch(batch, TOPIC, partition=partition))
            batches[partition] = batch = producer.create_batch()
            batch.append(**entry)
    for partition, batch in batches.items():
        sent.add(await producer.send_batch(batch, TOPIC, partition=partition))
    await asyncio.gather(*sent)
    await producer.stop()

"""What became of one visit among a million records: how long `yibao explain` takes, for the first time and again, by the number of
the visit and by that of a fee line.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from connector.contract import Mark, TableRole
from sandbox.stack import Stack
from streams.deliver.receipt import Receipt, ReceiptLine, encode_receipt
from streams.domain.join.entries import dump, key_of
from streams.domain.join.stored import StoredRow
from streams.domain.place.partitions import partition_of
from streams.domain.ready import Emission, encode
from streams.domain.records import Record
from streams.domain.roles import SERVICE_OF
from streams.explain.finding import Asked
from streams.explain.logs import FOLDER
from streams.mapping import Site, load_site
from tests.bench.bench_site import write_site
from tests.bench.letters import ratio
from tests.bench.messages import Message
from tests.bench.topics import apply_topics, fill
from yibao.explaining import Explained, explained, hits, keys_of, logs_of

RECORDS: Final = 1_000_000
_LINES: Final = 18
"""Fee lines of a visit, beside its own record and a settlement."""
_A_VISIT: Final = _LINES + 2
_A_BATCH: Final = 50
_PARTITIONS: Final = 12
_ROUNDS: Final = 5
_BEGAN_MS: Final = 1_764_000_000_000
_HOSPITAL: Final = "H36110200001"
_TABLES: Final = {
    TableRole.VISIT: ("his.mz_zy_jz", "jzid", "V"),
    TableRole.SETTLEMENT: ("his.sf_jsjl", "jsdh", "S"),
    TableRole.FEE: ("his.sf_fymx", "mxid", "F"),
}


def explained_in_time(home: Path, number: int = RECORDS) -> dict[str, Any]:
    """Seconds of `yibao explain`."""
    stack = Stack(home / "stack", services=("kafka",), durable=False, bound=True)
    try:
        servers = stack.up().bootstrap_servers
        site_file = write_site(home, prefix="explained-", bootstrap_servers=servers, platform_url="http://127.0.0.1:9")
        apply_topics(site_file)
        site = load_site(site_file)
        for first in range(0, number // _A_VISIT, 5_000):
            visits = range(first, min(first + 5_000, number // _A_VISIT))
            asyncio.run(fill(servers, "explained-", _messages(visits)))
        return _measured(site, number)
    finally:
        stack.erase()


def _measured(site: Site, number: int) -> dict[str, Any]:
    visits = number // _A_VISIT

    def asked(key: Callable[[int], str], service: str = "") -> list[_Took]:
        return [_timed(site, key((at * 7_919 + 11) % visits), service) for at in range(_ROUNDS)]

    by_visit = asked(_visit)
    again = asked(_visit)
    whole = _timed(site, f"F{visits // 2 * _LINES}", "fee_list_d")
    by_line = asked(lambda visit: f"F{visit * _LINES}", "fee_list_d")
    size = sum(one.stat().st_size for one in (site.workers.home / FOLDER).iterdir())
    used = {name: [one.cpu_s for one in rounds] for name, rounds in (("visit", again), ("line", by_line))}
    return {
        "records": number,
        "first_time_by_a_line_s": whole,
        "cpu_s": {"first time": by_visit[0].cpu_s, **used},
        "bytes_of_indexes_per_record": size / number,
        "ratios": {
            "seconds by a visit's number, of which nothing was read before": _ratio(by_visit[:1]),
            "seconds by a visit's number, in other partitions": _ratio(by_visit[1:]),
            "seconds by a visit's number, again": _ratio(again),
            "seconds by a fee line's number, again": _ratio(by_line),
        },
    }


class _Took(NamedTuple):
    s: float
    cpu_s: float


def _ratio(rounds: Sequence[_Took]) -> dict[str, Any]:
    return ratio([one.s for one in rounds], at_most=5.0)


def _timed(site: Site, key: str, service: str) -> _Took:
    begun, used = time.monotonic(), time.process_time()
    told = _explain(site, key, service)
    assert {one.fate.value for one in told.now} == {"accepted"}, told.now
    return _Took(round(time.monotonic() - begun, 3), round(time.process_time() - used, 3))


def _explain(site: Site, key: str, service: str) -> Explained:
    logs, keys = logs_of(site, deadline_s=300.0), keys_of(site, clear=False)
    [hit] = hits(logs, keys, key, Asked(service))
    return explained(site, logs, hit, key, clear=False)


def _visit(number: int) -> str:
    return f"L{number:07d}"


def _messages(visits: Sequence[int]) -> Iterator[Message]:
    """All that the topics hold of these visits when each record was accepted."""
    lines: dict[tuple[int, str], list[ReceiptLine]] = {}
    for visit in visits:
        partition = partition_of(_visit(visit), _PARTITIONS)
        rows = [(TableRole.VISIT, visit), (TableRole.SETTLEMENT, visit)]
        for role, number in [*rows, *((TableRole.FEE, visit * _LINES + at) for at in range(_LINES))]:
            row, record = _row(visit, role, number), _record(role, number)
            place = "rows.his", 0, _visit(visit).encode(), _envelope(row)
            yield Message(topic=place[0], partition=place[1], key=place[2], value=place[3])
            headers = (("series", b"his/bench"), ("seq", b"%d" % (number + 1)))
            yield Message(topic="visit.changes", partition=partition, key=place[2], value=place[3], headers=headers)
            key = key_of(_visit(visit).encode(), role, "his", row.table, row.key)
            yield Message(topic="visit.state", partition=partition, key=key, value=dump(row))
            emission = Emission(record, _visit(visit).encode(), f"{number}", _BEGAN_MS, _BEGAN_MS)
            ready_key, value, said = encode(emission, number + 1)
            yield Message(topic="visit.ready", partition=partition, key=ready_key, value=value, headers=tuple(said))
            waiting = lines.setdefault((partition, record.service.value), [])
            waiting.append(_line(record, number))
            if len(waiting) == _A_BATCH:
                yield _receipt(partition, record.service.value, waiting)
                waiting.clear()
    yield from (_receipt(partition, service, waiting) for (partition, service), waiting in lines.items() if waiting)


def _row(visit: int, role: TableRole, number: int) -> StoredRow:
    table, column, letter = _TABLES[role]
    columns = {f"column_{at}": f"value {number} of {at}" for at in range(14)}
    columns |= {column: f"{letter}{number}", "jzlsh": _visit(visit), "jgdm": _HOSPITAL}
    row = StoredRow(role, "his", table, (f"{letter}{number}",), columns, (number,), _BEGAN_MS, number, Mark((number, 1), number))
    return row.reported(f"{number:032x}", f"{_HOSPITAL}/{letter}{number}")


def _envelope(row: StoredRow) -> bytes:
    schema, _, table = row.table.partition(".")
    source = {"connector": "postgresql", "name": "his", "schema": schema, "table": table, "lsn": (row.position or (0,))[0]}
    times = {"ts_ms": _BEGAN_MS, "ts_us": _BEGAN_MS * 1000, "txId": (row.position or (0,))[0], "snapshot": "false"}
    return orjson.dumps({"before": None, "after": row.columns, "source": {**source, **times}, "op": "c"})


def _record(role: TableRole, number: int) -> Record:
    letter = _TABLES[role][2]
    value = orjson.dumps({f"FIELD_{at}": f"value {number} of {at}" for at in range(20)})
    of = SERVICE_OF[role], _HOSPITAL, "3101", f"{letter}{number}"
    return Record(*of, value, f"{number:032x}", "bench@1", "2025-11-24", "1.00")


def _line(record: Record, number: int) -> ReceiptLine:
    return ReceiptLine(
        key=record.key,
        hash=record.content_hash,
        number=number + 1,
        day=record.business_day,
        amount=record.amount,
        committed_at=_BEGAN_MS,
        mapping_version=record.mapping_version,
        captured_at=_BEGAN_MS,
        ready_at=_BEGAN_MS,
    )


def _receipt(partition: int, service: str, lines: Sequence[ReceiptLine]) -> Message:
    receipt = Receipt(
        msgid=f"{lines[0].key:0>32}",
        plan=f"{lines[0].key:0>14}",
        service=service,
        institution=_HOSPITAL,
        infno="3101",
        code="200",
        repeated=False,
        attempts=1,
        posted_at=_BEGAN_MS,
        answered_at=_BEGAN_MS + 100,
        records=tuple(replace(one) for one in lines),
    )
    key, value = encode_receipt(receipt)
    return Message(topic="visit.receipts", partition=partition, key=key, value=value)

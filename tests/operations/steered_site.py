"""A site with a platform that keeps a diary, and workers that a person steers while they run."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import yaml

from streams.deliver.ledger import read_receipts
from streams.lanes.marks import DeliverMark, deliver_mark
from streams.mapping import load_site
from streams.topics.broker import Broker
from streams.wiring import broker_access, client_options
from tests.bench.bench_site import write_site
from tests.bench.messages import Message
from tests.bench.topics import apply_topics, fill
from tests.operations.failed import Failed
from tests.patience import PATIENCE_S

PARTITIONS: Final = 12
KEYS: Final = {"mdtrt_d": "MDTRT_ID", "setl_d": "SETL_ID", "fee_list_d": "BKKP_SN"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request that the platform took."""

    at: float
    """When, on the clock that does not go back."""
    institution: str
    service: str
    records: int


class Diary:
    """What came to the platform, and what of it must not be."""

    def __init__(self, expected: AbstractSet[tuple[str, str]], *, answer_s: float = 0.0) -> None:
        """expected: service and key of each record that is to come. answer_s: how long an answer takes."""
        self._expected = expected
        self.entries: list[Entry] = []
        self.times: Counter[tuple[str, str, str]] = Counter()
        """How often each content of each record was taken."""
        self.wrong: list[str] = []
        self.most_under_way = 0
        self._answer_s = answer_s
        self._under_way = 0
        self._there: set[tuple[str, str]] = set()
        self._ids: dict[str, str] = {}
        self._lock = threading.Lock()

    def take(self, service: str, message: dict[str, Any]) -> int:
        """The answer's code."""
        with self._lock:
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
        time.sleep(self._answer_s)
        with self._lock:
            self._under_way -= 1
            return self._take(service, message)

    def _take(self, service: str, message: dict[str, Any]) -> int:
        msgid, records = message["msgid"], json.loads(message["data"])
        if msgid in self._ids:
            self.wrong += [] if self._ids[msgid] == message["data"] else [f"{msgid} has two contents"]
            return 40005
        self._ids[msgid] = message["data"]
        self.entries.append(Entry(at=time.monotonic(), institution=msgid[:12], service=service, records=len(records)))
        for one in records:
            parents = [("mdtrt_d", one["MDTRT_ID"])] if service != "mdtrt_d" else []
            parents += [("setl_d", one["SETL_ID"])] if service == "fee_list_d" else []
            self.wrong += [
                f"{service} came before its {parent}" for parent, key in parents if (parent, key) in self._expected - self._there
            ]
            self._there.add((service, one[KEYS[service]]))
            self.times[service, one[KEYS[service]], json.dumps(one, sort_keys=True)] += 1
        return 200

    @property
    def taken(self) -> int:
        """How many records were taken."""
        return self.times.total()

    def since(self, at: float, *, institution: str = "") -> Sequence[Entry]:
        """The requests since then: all, or those of one institution."""
        return [one for one in tuple(self.entries) if one.at >= at and institution in ("", one.institution)]


@contextmanager
def serving(diary: Diary) -> Iterator[str]:
    """Its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service = next(one for one in KEYS if one in self.path)
            said = json.dumps({"code": diary.take(service, message), "message": "said"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", f"{len(said)}")
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class SteeredSite:
    """Its topics stand, and nothing runs yet. plan: most records of one plan."""

    def __init__(self, home: Path, *, servers: str, prefix: str, url: str, plan: int = 2000, partitions: int = PARTITIONS) -> None:
        self.home, self.servers, self.prefix = home, servers, prefix
        self.file = write_site(home, prefix=prefix, bootstrap_servers=servers, platform_url=url, partitions=partitions)
        written = yaml.load(self.file.read_text("utf-8"), Loader=yaml.BaseLoader)  # `02` is a code and not a number
        written["platform"]["encrypt"] = "false"
        written["batch"] = {"max_records": f"{plan}"}
        self.file.write_text(yaml.safe_dump(written, allow_unicode=True), "utf-8")
        apply_topics(self.file)
        self.site = load_site(self.file)

    def fill(self, messages: Sequence[Message], *, place: bool) -> None:
        """Write what capture writes. place: the place stage runs; else the join takes it as from a version without one."""
        rows = [replace(one, topic="rows.his", partition=0) if place and one.topic == "visit.changes" else one for one in messages]
        asyncio.run(fill(self.servers, self.prefix, rows))

    def marks(self) -> Sequence[DeliverMark]:
        """What the deliver stage has committed, by partition."""
        with Broker(broker_access(self.site)) as broker:
            said = broker.committed(self.site.topics.group("deliver"), self.site.topics.ready, range(self.site.kafka.partitions))
        return [deliver_mark(one.metadata) for one in said.values()]

    def receipts(self) -> Counter[tuple[str, str, str]]:
        """How often each content of each record has a receipt."""
        found = read_receipts(client_options(self.site), self.site.topics.receipts)
        return Counter((one.service, line.key, line.hash) for one in found for line in one.records)


def until(done: Callable[[], bool], what: str, *, within_s: float = PATIENCE_S) -> None:
    """Wait for it. Raises Failed where it does not come."""
    ends = time.monotonic() + within_s
    while not done():
        if time.monotonic() > ends:
            raise Failed(f"{what}: not within {within_s:.0f} s")
        time.sleep(0.2)

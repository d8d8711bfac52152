"""What became of every row after a bad night: what `yibao explain` says of each, held against the topics read whole.

Refusals, a missing dictionary entry, missing lookup rows and a wrong key make rows that are accepted, refused, waiting and held.
"""

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from sandbox.stack import Stack
from streams.broker_wiring import client_options
from streams.deliver.ledger import read_receipts
from streams.domain.join.entries import is_row, load, visit_key_of, waits
from streams.domain.join.gone import is_gone
from streams.domain.join.stored import StoredRow
from streams.domain.roles import SERVICE_OF
from streams.explain.finding import Asked
from streams.explain.logs import FOLDER
from streams.topics.whole import read_whole
from tests.operations.failed import Failed
from tests.replay.days import Days
from tests.replay.night import WRONG_KEY, Night
from yibao.explaining import Explained, explained, hits, keys_of, logs_of

_VISITS: Final = 40
_REFUSED_PERCENT: Final = 5
_WAIT_S: Final = 20
_STILL_S: Final = 30.0
_PATIENCE_S: Final = 1_800.0
_BY_THE_COMMAND: Final = 5


class _Truth(NamedTuple):
    """The topics, read whole."""

    rows: Mapping[str, Mapping[str, StoredRow]]
    """By visit and by `table/key`."""
    waiting: int
    """Entries of the join's state that wait."""
    letters: set[tuple[str, str]]
    """Table and key, or service and record, of all open letters."""
    accepted: set[tuple[str, str, str]]
    """Service, record and content of all receipts."""


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """The figures. Raises Failed where one row is told otherwise than the topics say."""
    stack = Stack(folder / "stack", durable=False)
    night = None
    try:
        night = Night(folder, stack.up(), name="explained", wait_s=_WAIT_S)
        night.prepare(refused_percent=_REFUSED_PERCENT, wrong_key=True)
        night.start_workers()
        Days(night.connect, visits=_VISITS).before()
        _until_still(night)
        night.stop("workers")
        say("the bad night is over; no worker runs")
        return _judged(night, _truth(night), say)
    finally:
        if night is not None:
            night.end()
        stack.erase()


def _judged(night: Night, truth: _Truth, say: Callable[[str], None]) -> str:
    fates, took = Counter[str](), []
    for visit, rows in sorted(truth.rows.items()):
        began = time.monotonic()
        told = _explain(night, visit)
        took.append(time.monotonic() - began)
        fates.update(_agrees(visit, told, rows, truth))
    if missing := {"accepted", "dead letter", "waiting", "held"} - fates.keys():
        raise Failed(f"the night has no row that is {', '.join(sorted(missing))}: {dict(fates)}")
    say(f"{len(truth.rows)} visits: {dict(fates.most_common())}")
    _by_a_number(night, truth)
    _pending(night, truth)
    _damaged(night, truth)
    median = sorted(took)[len(took) // 2]
    return f"{fates.total()} rows of {len(truth.rows)} visits told as they are; {truth.waiting} wait; {median:.1f} s a visit"


def _agrees(visit: str, told: Explained, rows: Mapping[str, StoredRow], truth: _Truth) -> list[str]:
    """The fate of each row of a visit."""
    said = defaultdict(list)
    for one in told.now:
        said[one.of].append(one.fate.value)
    for name, row in rows.items():
        wanted = _fate(name, row, truth)
        if wanted not in said.get(name, ()):
            raise Failed(f"visit {visit}: {name} is {wanted}, and is told as {said.get(name)}")
    return [_fate(name, row, truth) for name, row in rows.items()]


def _fate(name: str, row: StoredRow, truth: _Truth) -> str:
    service = SERVICE_OF[row.role].value
    institution, _, record = row.reported_as.partition("/")
    if {(row.table, "/".join(row.key)), (service, record)} & truth.letters:
        return "dead letter"
    if row.deleted:
        return "gone"
    if row.waits_for:
        return "waiting"
    if (service, record, row.emitted) in truth.accepted:
        return "accepted"
    if institution == WRONG_KEY:
        return "held"
    return "waiting"  # for a parent that the platform refused: everything else is through


def _by_a_number(night: Night, truth: _Truth) -> None:
    """A fee line, by the command as a person types it: it is found, and so is its visit."""
    lines = [(visit, name) for visit, rows in truth.rows.items() for name in rows if name.startswith("his.sf_fymx/")]
    for visit, name in random.Random(3).sample(lines, _BY_THE_COMMAND):
        key = name.partition("/")[2]
        told = night.asked("explain", key, "--service", "fee_list_d")
        if (told["visit"], told["of"]) != (visit, name):
            raise Failed(f"{key} is told as {told['of']} of {told['visit']}")


def _pending(night: Night, truth: _Truth) -> None:
    told = night.asked("join", "pending", "--limit", 100_000)
    listed = sum(one["rows"] for one in told["kinds"])
    if {told["total"], listed, len(told["oldest"])} != {truth.waiting}:
        raise Failed(f"{truth.waiting} wait; join pending counts {told['total']} and lists {len(told['oldest'])}")
    since = [one["since"] for one in told["oldest"]]
    if since != sorted(since):
        raise Failed("join pending does not list the oldest first")


def _damaged(night: Night, truth: _Truth) -> None:
    """The indexes are only copies: what they say survives their damage, and their loss."""
    visit = next(iter(sorted(truth.rows)))
    before = _explain(night, visit)
    for one in (night.site.workers.home / FOLDER).glob("*.db"):
        one.write_bytes(b"\0" * 4096)
    if (after := _explain(night, visit)) != before:
        raise Failed(f"after the indexes were damaged, {len(after.events)} events instead of {len(before.events)}")


def _explain(night: Night, visit: str) -> Explained:
    site = night.site
    logs, keys = logs_of(site, deadline_s=_PATIENCE_S), keys_of(site, clear=False)
    found = hits(logs, keys, visit, Asked())
    if len(found) != 1:
        raise Failed(f"visit {visit}: {len(found)} hits")
    return explained(site, logs, found[0], visit, clear=False)


def _truth(night: Night) -> _Truth:
    site = night.site
    client, topics = client_options(site), site.topics
    latest: dict[bytes, bytes | None] = {one.key: one.value for one in read_whole(client, topics.state)}
    rows: dict[str, dict[str, StoredRow]] = defaultdict(dict)
    for key, value in latest.items():
        if value and is_row(key):
            row = load(key, value)
            rows[visit_key_of(key).decode()][f"{row.table}/{'/'.join(row.key)}"] = row
    waiting = sum(1 for key, value in latest.items() if value and waits(value) and (is_row(key) or _is_gone(key)))
    letters: list[Mapping[str, Any]] = night.asked("dlq", "list", "--limit", 1_000_000)["letters"]
    named = {(one["row_table"], one["row_key"]) for one in letters} | {(one["service"], one["record_key"]) for one in letters}
    receipts = read_receipts(client, topics.receipts)
    accepted = {(receipt.service, line.key, line.hash) for receipt in receipts for line in receipt.records}
    return _Truth(rows, waiting, {one for one in named if all(one)}, accepted)


def _is_gone(key: bytes) -> bool:
    return bool(visit_key_of(key)) and is_gone(key)


def _until_still(night: Night) -> None:
    """Until nothing was told or accepted for a while, though waits have ended."""
    until, last, since = time.monotonic() + _PATIENCE_S, (0, 0, 0), time.monotonic()
    while time.monotonic() - since < _STILL_S:
        if time.monotonic() > until:
            raise Failed(f"the night does not come to an end: {last}")
        status, summary = night.asked("connector", "status"), night.asked("dlq", "summary")
        behind = sum((one["waiting"] or 0) for one in status["stages"] if one["stage"] in ("place", "join")) if status else -1
        now = len(night.accepted()), summary["total"] if summary else -1, behind
        if now != last or not now[0]:
            last, since = now, time.monotonic()
        time.sleep(1)

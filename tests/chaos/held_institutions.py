"""Two of four institutions whose keys are wrong for ten minutes, under load: what that costs the others, and what it may not."""

import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from streams.deliver.receipt import Receipt
from streams.seal import generate_key_pair
from tests.chaos.course import Course, Held

LIVE_S = 920.0
"""Of which the keys are wrong for ten minutes."""
_FIRST, _LAST = 0.07, 0.86
_AFTER_MS = 60_000


def two_held(course: Course) -> None:
    """Their key files are replaced on disk, and put back, without a restart of anybody."""
    files = sorted((course.site.home / "keys").glob("*.pub"))
    chosen = course.rng.sample(files, 2)
    right = {file: file.read_bytes() for file in chosen}
    held = course.held = Held(institutions=tuple(sorted(file.stem for file in chosen)))

    def wrong() -> None:
        for file in chosen:
            _replace(file, generate_key_pair().public.hex.encode())
        held.from_ms = _now_ms()
        course.strikes += 1

    def mend() -> None:
        for file, content in right.items():
            _replace(file, content)
        held.to_ms = _now_ms()

    names = " and ".join(held.institutions)
    course.at(_FIRST * course.live_s, f"keys of {names} are wrong", wrong)
    course.at(_LAST * course.live_s, f"keys of {names} are right", mend)


def told(receipts: Sequence[Receipt], held: Held) -> str:
    """How long the records of the others took, while these were held and afterwards, and when the last of the held ones went."""
    others = [one for one in receipts if one.institution not in held.institutions]
    after = _waits(others, held.to_ms + _AFTER_MS, _now_ms())
    during = _waits(others, held.from_ms, held.to_ms)
    theirs = [one for one in receipts if one.institution in held.institutions]
    accepted = sum(len(one.records) for one in theirs if held.from_ms + 5_000 < one.answered_at < held.to_ms)
    last = max((one.answered_at for one in theirs), default=held.to_ms)
    return (
        f"held {(held.to_ms - held.from_ms) / 1000:.0f} s; the others: {len(during)} records, 95 of 100 within "
        f"{_p95(during):.2f} s (afterwards {_p95(after):.2f} s, {len(after)}); {accepted} of theirs meanwhile, "
        f"the last one {(last - held.to_ms) / 1000:.0f} s after the keys were right"
    )


def _waits(receipts: Iterable[Receipt], since_ms: int, until_ms: int) -> list[float]:
    return [
        (one.answered_at - line.committed_at) / 1000
        for one in receipts
        for line in one.records
        if since_ms <= line.committed_at < until_ms
    ]


def _p95(waits: Sequence[float]) -> float:
    return statistics.quantiles(waits, n=20)[-1] if len(waits) > 1 else 0.0


def _replace(file: Path, content: bytes) -> None:
    fresh = file.with_suffix(".fresh")
    fresh.write_bytes(content)
    fresh.replace(file)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

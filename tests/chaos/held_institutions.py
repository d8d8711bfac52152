"""Two of four institutions whose keys are wrong for ten minutes, under load: what that costs the others, and what it may not. The
same run goes on for some minutes before that without a fault, which it is held against. For two minutes, it only has to end well;
so has one in which the platform takes no more of two institutions (429).
"""

import statistics
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from streams.deliver.receipt import Receipt
from streams.seal import generate_key_pair
from tests.chaos.course import Course, Held, Options

LIVE_S = 1000.0
"""Of which the keys are wrong for ten minutes."""
SHORT = Options(live_s=250.0, patience_s=90.0)
"""Nothing of them is taken for two minutes of it, and then still for as long as the platform asked."""
MOST = 1.5
"""The records of the others may take so many times what they took without the fault."""
_FIRST, _FIRST_OF_SHORT, _LAST = 0.2, 0.35, 0.93
_RETRY_AFTER_S = 60
_SETTLED_MS = 45_000
"""After a beginning, and after a fault, what is measured is not the backlog of it."""


def two_held(course: Course, *, short: bool = False) -> None:
    """Their key files are replaced on disk, and put back, without a restart of anybody."""
    files = sorted((course.site.home / "keys").glob("*.pub"))
    chosen = course.rng.sample(files, 2)
    right = {file: file.read_bytes() for file in chosen}
    held = course.held = Held(institutions=tuple(sorted(file.stem for file in chosen)), measured=not short)

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

    def begin() -> None:
        held.calm_ms = _now_ms()

    course.at(_SETTLED_MS / 1000, "what it takes without a fault is measured", begin)
    course.at((_FIRST_OF_SHORT if short else _FIRST) * course.live_s, f"keys of {names} are wrong", wrong)
    course.at(_LAST * course.live_s, f"keys of {names} are right", mend)


def two_throttled(course: Course) -> None:
    """The platform takes no more of two of them, and asks for a minute each time."""
    chosen = course.rng.sample(sorted(file.stem for file in (course.site.home / "keys").glob("*.pub")), 2)
    held = course.held = Held(institutions=tuple(sorted(chosen)), measured=False)
    for_s = (_LAST - _FIRST_OF_SHORT) * course.live_s

    def begin() -> None:
        held.calm_ms = _now_ms()

    def throttle() -> None:
        for one in held.institutions:
            course.fault(kind="throttled", institution=one, retry_after_s=_RETRY_AFTER_S, for_s=round(for_s, 1))
        held.from_ms, held.to_ms = _now_ms(), _now_ms() + round(for_s * 1000)

    course.at(_SETTLED_MS / 1000, "what it takes without a fault is looked at", begin)
    course.at(_FIRST_OF_SHORT * course.live_s, f"no more is taken of {' and '.join(held.institutions)}", throttle)


def told(receipts: Sequence[Receipt], held: Held) -> str:
    """How long the records of the others took before, while these were held, and afterwards, and when the last of the held ones
    went. What is too slow is noted in `held`.
    """
    others = [one for one in receipts if one.institution not in held.institutions]
    before = _waits(others, held.calm_ms, held.from_ms)
    after = _waits(others, held.to_ms + _SETTLED_MS, _now_ms())
    during = _waits(others, held.from_ms, held.to_ms)
    theirs = [one for one in receipts if one.institution in held.institutions]
    accepted = sum(len(one.records) for one in theirs if held.from_ms + 5_000 < one.answered_at < held.to_ms)
    if held.measured and (not before or not during or _p95(during) > MOST * _p95(before)):
        held.too_slow = f"the others took {_p95(during):.2f} s instead of {_p95(before):.2f} s (95 of 100)"
    last = max((one.answered_at for one in theirs), default=held.to_ms)
    return (
        f"held {(held.to_ms - held.from_ms) / 1000:.0f} s; the others: {len(during)} records, 95 of 100 within "
        f"{_p95(during):.2f} s (before it {_p95(before):.2f} s, {len(before)}; afterwards {_p95(after):.2f} s, {len(after)}); "
        f"{accepted} of theirs meanwhile, the last one {(last - held.to_ms) / 1000:.0f} s after that"
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

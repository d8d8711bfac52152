"""A list of 100,000 letters for the insurance office: seconds and memory of a process that writes it, and of one that reads it."""

import asyncio
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import orjson

from sandbox.stack import Stack
from streams.domain.records import DeadLetter
from tests.bench.bench_site import write_site
from tests.bench.letters import letter_of, many, ratio, say, write
from tests.bench.processes import CHECKOUT
from tests.bench.topics import apply_topics

LETTERS: Final = 100_000
_PREFIX: Final = "bench-"
_ROUNDS: Final = 3
_VISIT: Final = {"xm": "欧阳锋", "zjhm": "51010219381005541X", "jzlsh": "V1", "kslx": "01", "bz": None}


def lists(home: Path, number: int = LETTERS) -> dict[str, Any]:
    """Seconds and MB of `yibao dlq export` in both forms and of `yibao dlq import --dry-run` of what it wrote."""
    stack = Stack(home / "stack", services=("kafka",), durable=False, bound=True)
    try:
        servers = stack.up().bootstrap_servers
        site = write_site(home / "site", prefix=_PREFIX, bootstrap_servers=servers, platform_url="http://127.0.0.1:1")
        apply_topics(site)
        asyncio.run(write(servers, many(_letter).messages(range(number))))
        return _measured(site, number)
    finally:
        stack.erase()


def _measured(site: Path, number: int) -> dict[str, Any]:
    figures: dict[str, list[tuple[float, float, float]]] = {}
    first = _run(site, "summary")  # makes the index, as the night before has done
    for round_ in range(_ROUNDS):
        for form in ("xlsx", "csv"):
            file = site.with_name(f"list-{round_}.{form}")
            figures.setdefault(f"export {form}", []).append(_run(site, "export", "--out", f"{file}"))
            if round_ == 0:  # to read a workbook takes twice as long as to write it: once says it
                figures[f"import {form}"] = [_run(site, "import", f"{file}", "--dry-run")]
    return {
        "letters": number,
        "index_s_mb_cpu": first,
        "bytes": {form: site.with_name(f"list-0.{form}").stat().st_size for form in ("xlsx", "csv")},
        "figures_s_mb_cpu": figures,
        "ratios": {
            f"{what} of {name}": ratio([one[at] for one in rounds], at_most=most)
            for name, rounds in figures.items()
            if name.startswith("export")
            for at, (what, most) in enumerate((("seconds", 30.0), ("MB", 150.0), ("CPU seconds", 30.0)))
        },
    }


def _run(site: Path, *words: str) -> tuple[float, float, float]:
    """Seconds, most MB in memory, and seconds of CPU of a process of its own."""
    begun = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "yibao", "dlq", *words, "-c", f"{site}"], cwd=CHECKOUT, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"yibao dlq {words[0]} ended with {process.returncode}")
    figures = round(time.monotonic() - begun, 2), round(used.ru_maxrss / 1024, 1), round(used.ru_utime + used.ru_stime, 2)
    say(f"dlq {' '.join(words[:1])}: {figures[0]} s, {figures[1]} MB, {figures[2]} s of CPU")
    return figures


def _letter(number: int) -> DeadLetter:
    """One of the index, of a visit whose person is known."""
    letter = letter_of(number)
    document = orjson.loads(letter.value or b"{}")
    document["rows"]["visit"] = _VISIT
    return replace(letter, value=orjson.dumps(document))

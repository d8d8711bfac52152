"""Commit to accepted at a steady rate: the sample hospital on its database, real capture, workers with default settings, no faults.

All of it runs on this machine, the platform that decrypts every batch too; the load tells what of it is the machine's.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from streams.broker_wiring import client_options
from streams.deliver.freshness import PARTS
from streams.deliver.ledger import read_receipts
from yibao.demonstration.course import Demonstration, Sight
from yibao.demonstration.findings import percentiles, ways_between
from yibao.demonstration.holds import Hold
from yibao.demonstration.settings import DemoSettings

RATE = 200.0
WARM_S = 20.0
STEADY_S = 60.0
_CHANGES_A_VISIT = 24
_DRAIN_S = 10.0
_PROGRAMS = {
    "kafka.Kafka": "kafka",
    "ConnectDistributed": "connect",
    "postgres": "postgres",
    "platform serve": "platform",
    "worker place": "place",
    "worker join": "join",
    "worker deliver": "deliver",
}


class _Told:
    """Steps on stderr."""

    def step(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def look(self, sight: Sight) -> None:
        del sight

    def held(self, holds: Sequence[Hold]) -> None:
        self.step(f"held by {holds}")


def freshness(home: Path) -> dict[str, Any]:
    """Seconds for half, 95 % and 99 % of the records whose commit lies in the steady minute, of the whole way and of each part.

    cores: CPU that each program used meanwhile, in cores; hospital is this process.
    """
    live_s = WARM_S + STEADY_S + 5
    visits = int(RATE * live_s / _CHANGES_A_VISIT * 1.5)
    demonstration = Demonstration(DemoSettings(visits=visits, seed=1, rate=RATE, faults="none", home=home), _Told())
    with demonstration.captured() as (site, hospital):
        hospital.live()
        time.sleep(WARM_S)
        begun, changes, used = time.time(), hospital.changes, cpu_s(home)
        time.sleep(STEADY_S)
        ended, load = time.time(), os.getloadavg()[0]
        cores = {name: round((spent - used.get(name, 0.0)) / (ended - begun), 2) for name, spent in cpu_s(home).items()}
        rate = (hospital.changes - changes) / (ended - begun)
        hospital.stop()
        time.sleep(_DRAIN_S)
        demonstration.worker.check()
        receipts = read_receipts(client_options(site), site.topics.receipts)
        ways = ways_between(receipts, int(begun * 1000), int(ended * 1000))
    return {
        "changes_per_s": round(rate, 1),
        "records": len(ways),
        "whole_s": percentiles(way.whole for way in ways),
        "parts_s": {part: percentiles(getattr(way, part) for way in ways) for part in PARTS},
        "cores": cores,
        "load": round(load, 2),
    }


def cpu_s(home: Path) -> Mapping[str, float]:
    """CPU seconds so far, by program, of what runs for `home` and of this process."""
    used: defaultdict[str, float] = defaultdict(float)
    times = psutil.Process().cpu_times()
    used["hospital"] = times.user + times.system
    for process in psutil.process_iter():
        try:
            words, times = " ".join(process.cmdline()), process.cpu_times()
            mine = f"{home}" in words or (words.startswith("postgres: ") and f"{home}" in process.cwd())
        except psutil.Error:
            continue
        name = next((name for mark, name in _PROGRAMS.items() if mark in words), None)
        if mine and name:
            used[name] += times.user + times.system
    return used

"""What the workers serve, as one look: those of this machine, and those that site.yaml names on others."""

import time
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from streams.telemetry.alerts.samples import INSTANCE, Labels, Vector
from streams.telemetry.alerts.table import SERIES
from yibao.monitored import ADDRESS

_WITHIN_S: Final = 5.0
_MOST_BYTES: Final = 8 << 20


def addresses(home: Path, others: Iterable[str]) -> list[str]:
    """Where workers are served. home: their folder on this machine."""
    here = [file.read_text(encoding="utf-8").strip() for file in sorted(home.glob(f"*/{ADDRESS}"))]
    return list(dict.fromkeys([*here, *(one.rstrip("/") for one in others)]))


def look(urls: Sequence[str]) -> tuple[float, Mapping[str, Vector]]:
    """When it was, in seconds since the epoch, and the samples that alerts ask for. Who does not answer has none."""
    if not urls:
        return time.time(), {}
    with ThreadPoolExecutor(min(len(urls), 16)) as asking:
        texts = list(asking.map(_served, urls))
    found: dict[str, dict[Labels, float]] = {}
    for url, text in zip(urls, texts, strict=True):
        for name, labels, value in _samples(text):
            found.setdefault(name, {})[labels | {(INSTANCE, url)}] = value
    return time.time(), found


def _samples(text: str) -> Iterable[tuple[str, Labels, float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in SERIES:
                yield sample.name, frozenset(sample.labels.items()), float(sample.value)


def _served(url: str) -> str:
    """Never by a proxy: workers stand in the site's own network."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/metrics", timeout=_WITHIN_S) as answer:
            text: str = answer.read(_MOST_BYTES).decode("utf-8", "replace")
            list(text_string_to_metric_families(text))
    except (OSError, ValueError):  # whoever listens there now is none of ours
        return ""
    return text

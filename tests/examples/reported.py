"""What came of it: what the platform has, what the letters say, and what waits."""

import json
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.broker_wiring import client_options
from streams.deadletter.reading import read_dead_letters
from streams.deadletter.record import DeadLetterView
from streams.mapping import Site


@dataclass(slots=True, kw_only=True)
class Accepted:
    """The platform's journal, read on and on."""

    url: str
    """Of the simulator."""
    records: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    """By service and number: the last version."""
    _read: int = 0

    def read(self) -> Mapping[tuple[str, str], Mapping[str, str]]:
        """The records as they stand at the platform now."""
        with urllib.request.urlopen(f"{self.url}/_sim/journal?values=1&since={self._read}", timeout=30) as answer:
            for line in answer:
                entry = json.loads(line)
                self.records[entry["service"], entry["key"]] = json.loads(entry["value"])
                self._read = entry["n"]
        return self.records

    def stats(self) -> Mapping[str, object]:
        """What the platform counted."""
        with urllib.request.urlopen(f"{self.url}/_sim/stats", timeout=30) as answer:
            found: Mapping[str, object] = json.load(answer)
        return found


def open_letters(site: Site) -> tuple[DeadLetterView, ...]:
    """The dead letters that nobody and nothing closed."""
    return read_dead_letters(client_options(site), site.topics.dead).letters


def classes(letters: tuple[DeadLetterView, ...]) -> Mapping[tuple[str, str], int]:
    """How many of each class and rule."""
    return Counter((letter.dead_class, letter.rule) for letter in letters)

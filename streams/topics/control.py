"""What stands in `visit.control`: by source, what its capture was applied against, and whether its rows may be placed. Pure.

The topic has one partition and is compacted by the name of the source: the last entry counts. Whoever writes one writes it whole.
Beside them stand orders that a person gave (member `order`, `streams.topics.steering`).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

import orjson

from connector.contract import FactsDocument
from streams.errors import Fatal, Newer
from streams.topics.steering import Orders

FORM: Final = 1

Taken: TypeAlias = Mapping[str, str]
"""What a mapping makes of the rows of a table: by word of the mapping a print of what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """The entry of one source."""

    source: str
    """Name of the source."""
    facts: FactsDocument
    """What its capture was applied against."""
    at: str
    """When it was written, in ISO form with its zone."""
    by: str
    """Who wrote it: `user@host`, or a worker."""
    why: str = ""
    """As that person wrote it; `""` where nobody was asked."""
    reasons: tuple[str, ...] = ()
    """Why its rows are not placed; none where they are."""
    since: str = ""
    """Since when they are not; `""` where they are."""
    read_again: tuple[str, ...] = ()
    """Tables whose rows must be read again, because of what stopped it."""
    life: int = 0
    """How many times another server took the place of the first one: places in its log say nothing about those of before."""
    taken: Mapping[str, Taken] = field(default_factory=dict)
    """By table, as what its rows were taken by the mapping with which the place stage works."""

    @property
    def stopped(self) -> bool:
        """Whether rows of this source stay where they are."""
        return bool(self.reasons)

    @property
    def server(self) -> str:
        """What marks of its rows say of the server; `""` for the first one, as all did before anybody asked."""
        return f"{self.life}" if self.life else ""

    @property
    def key(self) -> bytes:
        """Of its message."""
        return self.source.encode()

    def dump(self) -> bytes:
        """As it stands in the topic."""
        return orjson.dumps(
            {
                "form": FORM,
                "source": self.source,
                "state": "stopped" if self.stopped else "running",
                "reasons": self.reasons,
                "since": self.since,
                "read_again": self.read_again,
                "life": self.life,
                "facts": self.facts,
                "at": self.at,
                "by": self.by,
                "why": self.why,
                **({"taken": self.taken} if self.taken else {}),
            }
        )


@dataclass(slots=True)
class Controls:
    """What the topic says, as far as it was read."""

    by_source: dict[str, Control] = field(default_factory=dict)
    """The entry of each source."""
    orders: Orders = field(default_factory=Orders)
    """What persons ordered beside them."""

    def take(self, values: Iterable[bytes | None]) -> None:
        """Take what was written. Raises Newer, and Fatal for what is no entry."""
        for value in values:
            if value is None:
                continue
            with _ours():
                written = _known(value)
                if "order" in written:
                    self.orders.take(written)
                else:
                    entry = _control(written)
                    self.by_source[entry.source] = entry


def otherwise(before: Mapping[str, Taken], now: Mapping[str, Taken]) -> dict[str, tuple[str, ...]]:
    """By table, the words that differ, of tables that both know."""
    found = {
        table: tuple(word for word in sorted({*words, *before[table]}) if words.get(word) != before[table].get(word))
        for table, words in now.items()
        if table in before
    }
    return {table: words for table, words in found.items() if words}


def load(value: bytes) -> Control | None:
    """The entry of one source; None for an order, which is of another kind. Raises Newer where a later version wrote it, Fatal for
    what is none.
    """
    with _ours():
        written = _known(value)
        return None if "order" in written else _control(written)


def _known(value: bytes) -> dict[str, Any]:
    written = orjson.loads(value)
    if type(written) is not dict:
        raise TypeError
    if written.get("form") != FORM:
        raise Newer(f"visit.control (form {written.get('form')}; this version knows {FORM})")
    return written


@contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as exc:
        raise Fatal("visit.control holds what this product did not write: nothing else may write into it") from exc


def _control(written: dict[str, Any]) -> Control:
    return Control(
        source=f"{written['source']}",
        facts=cast("FactsDocument", {**written["facts"]}),
        at=f"{written['at']}",
        by=f"{written['by']}",
        why=f"{written['why']}",
        reasons=tuple(f"{one}" for one in written["reasons"]),
        since=f"{written['since']}",
        read_again=tuple(f"{one}" for one in written["read_again"]),
        life=int(written["life"]),
        taken={table: {**words} for table, words in written.get("taken", {}).items()},
    )

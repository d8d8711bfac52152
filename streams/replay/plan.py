"""The file of a replay plan: which letters, of which state of the topics, and what a dry run said of each. No key, no content.

The first line says what was asked, every other one names a letter. The digest of the whole stands in the audit log, so that a plan
which somebody changed is refused.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from streams.errors import Misconfigured

FORM: Final = 2
"""The latest form. 2: what earlier versions do not know, the depth RECAPTURE and its outcome; all other plans are of form 1."""
_FIRST: Final = 1


class Depth(StrEnum):
    """How deep a replay reaches. RESEND: what the platform refused goes once more as it is. RENORMALISE: records are made anew of
    what the join remembers, under today's mapping, rules and lookups. RECAPTURE: their rows are read again from the database.
    """

    RESEND = "resend"
    RENORMALISE = "renormalise"
    RECAPTURE = "recapture"


class Outcome(StrEnum):
    """What a dry run says of a letter. PASSES: its record would go. MENDED: what it tells is so no more, and it would be closed.
    OTHERWISE: it is wrong for another reason now, which its letter would tell. FAILS: it would be refused again as it was. WAITS: a
    part is missing that may still come. UNCHANGED: it would be the same as what was handed on before. STALE: another version was
    handed on since. GONE: its row is not there any more. UNKNOWN: nobody remembers its row. PARKED: it was replayed as often as a
    record may be. EXCLUDED: a letter of its kind is not mended by sending. READ_AGAIN: its row is read again; what that leads to,
    only the row can say.
    """

    PASSES = "passes"
    MENDED = "mended"
    OTHERWISE = "otherwise"
    FAILS = "fails"
    WAITS = "waits"
    UNCHANGED = "unchanged"
    STALE = "stale"
    GONE = "gone"
    UNKNOWN = "unknown"
    PARKED = "parked"
    EXCLUDED = "excluded"
    READ_AGAIN = "read again"


SENT: Final = frozenset({Outcome.PASSES, Outcome.MENDED, Outcome.OTHERWISE, Outcome.READ_AGAIN})
"""What a run hands on."""


class Item(NamedTuple):
    """One letter of a plan."""

    letter: str
    """Its id."""
    partition: int
    """Where its message stands."""
    offset: int
    """Where its message stands."""
    outcome: Outcome
    """Of the dry run."""
    why: str
    """Class and rule of the refusal, or what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be replayed."""

    id: str
    """Its own, in the records and letters that it leads to."""
    at: str
    """When it was made, in ISO form with its zone."""
    by: str
    """Who made it: `user@host`."""
    why: str
    """The reason."""
    site: str
    """Name of the site."""
    depth: Depth
    """How deep it reaches."""
    filter: str
    """Which letters were meant."""
    mapping: str
    """By what records are made; a plan is for that alone."""
    ends: Mapping[int, int]
    """By partition of the dead letters, the end of what the plan is of: a letter that is told at or behind it is not the one that
    was looked at."""
    items: tuple[Item, ...]
    """The letters."""

    @property
    def outcomes(self) -> Counter[str]:
        """How many letters have which outcome."""
        return Counter(item.outcome.value for item in self.items)

    @property
    def ending(self) -> tuple[str, ...]:
        """The letters that a run ends: their records go, or they are closed."""
        return tuple(item.letter for item in self.passing if item.outcome is not Outcome.OTHERWISE)

    @property
    def passing(self) -> tuple[Item, ...]:
        """What is sent."""
        return tuple(item for item in self.items if item.outcome in SENT)

    def covers(self, partition: int, offset: int) -> bool:
        """Whether the message of a letter is of those that the plan was made of, and not of what came since."""
        return offset < self.ends.get(partition, 0)

    def dump(self) -> bytes:
        """The file."""
        head = {
            "form": FORM if self.depth is Depth.RECAPTURE else _FIRST,
            "id": self.id,
            "at": self.at,
            "by": self.by,
            "why": self.why,
            "site": self.site,
            "depth": self.depth.value,
            "filter": self.filter,
            "mapping": self.mapping,
            "ends": {f"{partition}": end for partition, end in self.ends.items()},
            "outcomes": dict(self.outcomes),
        }
        return b"\n".join([orjson.dumps(head), *[orjson.dumps(tuple(item)) for item in self.items], b""])


def digest_of(file: bytes) -> str:
    """By which the audit log knows a plan."""
    return hashlib.sha256(file).hexdigest()


def load(file: bytes) -> Plan:
    """The plan in a file. Raises Misconfigured for what is none, or one of a later version."""
    try:
        head, *items = [orjson.loads(line) for line in file.splitlines()]
        if head["form"] not in (_FIRST, FORM):
            raise Misconfigured(f"the plan is of form {head['form']}, this version knows {FORM}: make it anew")
        return _plan(head, items)
    except (orjson.JSONDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured("this is no file of `yibao replay plan`") from error


def _plan(head: Mapping[str, Any], items: Sequence[Sequence[Any]]) -> Plan:
    texts = {name: f"{head[name]}" for name in ("id", "at", "by", "why", "site", "filter", "mapping")}
    return Plan(
        **texts,
        depth=Depth(head["depth"]),
        ends={int(partition): int(end) for partition, end in head["ends"].items()},
        items=tuple(
            Item(f"{letter}", int(partition), int(offset), Outcome(outcome), f"{why}")
            for letter, partition, offset, outcome, why in items
        ),
    )

"""The audit log `visit.audit`: who ordered what, when, from where and why, in entries that are chained by their digests. Pure.

The topic has one partition and keeps everything. Each entry carries the digest of the one before, so that an entry which was
changed, taken out or put in between is seen by whoever reads the log. Of two that are written at the same time one takes part; the
other is passed over, the same for every reader, and its writer appends it again. An entry is written before what it tells of is
done.

A chain cannot show that its last entries are missing: hold it against an earlier export for that.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import orjson

from streams.errors import Newer

FORM: Final = 1

FIRST: Final = ""
"""What the first entry names as the digest before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One order that a person gave. Nothing personal is in it: neither a patient's data nor a condition that may hold some."""

    id: str
    """Its own; the same where it was appended again because another one came first."""
    at: str
    """When, in ISO form with its zone."""
    by: str
    """Who, and on which host: `user@host`."""
    action: str
    """The command, in its words: `offsets recover`."""
    why: str
    """As that person wrote it, with what looks like a person's number masked; `""` where nobody was asked."""
    facts: Mapping[str, Any]
    """What it was given for, and counts."""
    before: str = FIRST
    """SHA-256 of the entry before, in hex."""

    def dump(self) -> bytes:
        """As it stands in the topic."""
        return orjson.dumps(
            {
                "form": FORM,
                "id": self.id,
                "before": self.before,
                "at": self.at,
                "by": self.by,
                "action": self.action,
                "why": self.why,
                "facts": self.facts,
            },
            option=orjson.OPT_SORT_KEYS,
        )


class Link(StrEnum):
    """How an entry stands to those before it. CHAINED: it follows the last one. BESIDE: another one came first, and took its place.
    BROKEN: what it follows is not there, or it is no entry of this product.
    """

    CHAINED = "chained"
    BESIDE = "beside"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """One message of the log."""

    offset: int
    """Where it stands."""
    link: Link
    """How it stands to those before it."""
    digest: str
    """SHA-256 of its bytes, in hex."""
    entry: AuditEntry | None
    """None where it is no entry."""


@dataclass(slots=True)
class Chain:
    """The log as far as it was read."""

    head: str = FIRST
    """Digest of the entry that the next one follows."""
    chained: int = 0
    """Entries that take part."""
    _passed: set[str] = field(default_factory=lambda: {FIRST})

    def take(self, offset: int, value: bytes | None) -> Linked:
        """The next message. Raises Newer where a later version wrote it."""
        digest = digest_of(value or b"")
        entry = load(value)
        if entry is None:
            return Linked(offset=offset, link=Link.BROKEN, digest=digest, entry=None)
        if entry.before == self.head:
            link, self.chained = Link.CHAINED, self.chained + 1
        elif entry.before in self._passed:
            return Linked(offset=offset, link=Link.BESIDE, digest=digest, entry=entry)
        else:
            link = Link.BROKEN
        self.head = digest
        self._passed.add(digest)
        return Linked(offset=offset, link=link, digest=digest, entry=entry)


def digest_of(value: bytes) -> str:
    """By which the next entry names this one."""
    return hashlib.sha256(value).hexdigest()


def load(value: bytes | None) -> AuditEntry | None:
    """One entry; None for what is none. Raises Newer where a later version wrote it."""
    try:
        written = orjson.loads(value or b"")
        if type(written) is dict and type(written.get("form")) is int and written["form"] > FORM:
            raise Newer(f"visit.audit (form {written['form']}; this version knows {FORM})")
        return AuditEntry(
            id=_text(written["id"]),
            at=_text(written["at"]),
            by=_text(written["by"]),
            action=_text(written["action"]),
            why=_text(written["why"]),
            facts={**written["facts"]},
            before=_text(written["before"]),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a log proves."""

    chained: int
    """Entries that follow each other."""
    head: str
    """Digest of the last one; `""` for none."""
    broken: tuple[str, ...]
    """Where the chain does not hold, each as a sentence."""
    given_up: tuple[Linked, ...]
    """Entries that were written beside another one and never again: their command was interrupted before it did anything. Where
    one of them did something, the log was written anew."""


def verify(messages: Iterable[Linked], *, exported: Iterable[str] = ()) -> Verified:
    """Whether a log is whole. exported: digests of an earlier export, in its order; each must still be there, in that order."""
    broken, beside, ids, digests, head = [], [], set(), [], FIRST
    for one in messages:
        if one.link is Link.BESIDE:
            beside.append(one)
            continue
        if one.link is Link.BROKEN:
            broken.append(_of_broken(one))
        if one.entry is not None:
            ids.add(one.entry.id)
            digests.append(one.digest)
            head = one.digest
    left = iter(digests)
    missing = [digest for digest in exported if digest not in left]
    if missing:
        broken.append(f"the log does not hold all that was exported, in its order: the first that is missing is {missing[0]}")
    return Verified(
        chained=len(digests),
        head=head,
        broken=tuple(broken),
        given_up=tuple(one for one in beside if one.entry is not None and one.entry.id not in ids),
    )


def _of_broken(one: Linked) -> str:
    if one.entry is None:
        return f"offset {one.offset} is no entry: something else wrote into the log"
    followed = f"{one.entry.before or 'nothing'}, which is not the entry before it"
    return f"offset {one.offset} ({one.entry.action}, {one.entry.at}) follows {followed}: one was changed, taken out or put in"

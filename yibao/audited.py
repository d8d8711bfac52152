"""What a person orders is written into the audit log before it is done: who, from where, when, why, and for what."""

import hashlib
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import typer

from streams.broker_wiring import client_options
from streams.errors import YibaoError
from streams.mapping import Site
from streams.topics.audit import AuditEntry
from streams.topics.audit_log import append
from yibao.binding import now_of
from yibao.persons import actor
from yibao.reasons_given import without_numbers

ACTIONS: Final = (
    "connector apply",
    "connector delete",
    "connector forget",
    "connector pause",
    "connector restart",
    "connector resume",
    "connector stop",
    "dlq close",
    "dlq export --unmask",
    "dlq import",
    "dlq show --unmask",
    "explain --unmask",
    "join release",
    "join sums --unmask",
    "limits clear",
    "limits set",
    "maintenance end",
    "maintenance set",
    "offsets accept-copy",
    "offsets recover",
    "pause",
    "ready renormalise",
    "replay approve",
    "replay cancel",
    "replay plan",
    "replay run",
    "resnapshot",
    "resume",
    "slot given up",
    "topics apply",
)
"""What stands in the audit log as the command, in its words."""


def audited(site: Site, action: str, *, why: str = "", facts: Mapping[str, Any]) -> None:
    """Append an order to `visit.audit`. Raises Misconfigured where the topic is missing, Unreachable where it is not known whether
    it was written: what was ordered is not done then.

    action: the command, in its words. facts: names, numbers and digests; never a patient's data, nor a condition that may hold one.
    The user id of who runs this is added to them.
    """
    entry = AuditEntry(
        id=secrets.token_hex(8),
        at=now_of(site),
        by=actor(),
        action=action,
        why=without_numbers(why),
        facts={**facts, "uid": os.getuid()},
    )
    append(client_options(site), site.topics.audit, entry)


@contextmanager
def audited_where_possible(site: Site, action: str, *, facts: Mapping[str, Any]) -> Iterator[None]:
    """The same for what must be possible at any time, such as to stop a capture while no broker answers: where it was not written,
    that is told on standard error once it is done.
    """
    unwritten = ""
    try:
        audited(site, action, facts=facts)
    except YibaoError as error:
        unwritten = f"warning: not in the audit log: {error}"
    yield
    if unwritten:
        typer.echo(unwritten, err=True)


def concealed(text: str) -> str:
    """What stands for a text that may hold a person's data: the same for the same text, and `""` for none."""
    return text and f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"

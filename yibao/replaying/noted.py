"""What the audit log says of a plan."""

import time
from typing import Final

from streams.broker_wiring import client_options
from streams.mapping import Site
from streams.topics.audit import AuditEntry, Link
from streams.topics.audit_log import read_audit

CANCELLED: Final = "replay cancel"
"""What stands there as the command."""
_LOOK_EVERY_S: Final = 5.0


class Cancelled:
    """Whether a plan was cancelled by the audit log, which is looked at every few seconds: beside another copy of its file, too."""

    def __init__(self, site: Site, digest: str) -> None:
        self._site, self._digest, self._next = site, digest, time.monotonic() + _LOOK_EVERY_S

    def __call__(self) -> bool:
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _LOOK_EVERY_S
        return entry(self._site, CANCELLED, self._digest) is not None


def entry(site: Site, action: str, digest: str) -> AuditEntry | None:
    """The order in the audit log that is of the plan with this digest. action: the command, in its words."""
    for one in read_audit(client_options(site), site.topics.audit):
        found = one.entry
        if found is not None and one.link is Link.CHAINED and found.action == action and found.facts.get("digest") == digest:
            return found
    return None

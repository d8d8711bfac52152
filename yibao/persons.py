"""Who gives an order, as the audit log and the history of letters say it.

The account is that of the real user id, which the kernel knows; LOGNAME and the like are what somebody wrote. Where persons share
an account, each says a name of their own: that is kept beside the account, and proves nothing by itself.
"""

import os
import pwd
import socket
from typing import Final

from streams.errors import Misconfigured, Refused
from streams.mapping import Site
from streams.spec.masking import mask_text
from streams.topics.audit import AuditEntry

PERSON_VARIABLE: Final = "YIBAO_PERSON"
"""Environment variable with the name of whoever gives orders under an account that several share."""

_VIA: Final = " via "
_LONGEST: Final = 64


def actor() -> str:
    """Who runs this: `account@host`, or `name via account@host` where a name is said. An account without a name is told by its
    number. Raises Misconfigured where the name is none.
    """
    name = _person()
    return f"{name}{_VIA if name else ''}{_account()}@{socket.gethostname()}"


def demand_another(site: Site, planned: AuditEntry) -> None:
    """Raise Refused where whoever runs this is the one who made a plan, as far as the accounts say; where `replay.approve_by_name`
    is set, as far as the names say.
    """
    me, uid = actor(), os.getuid()
    if planned.by == me:
        raise Refused(f"{planned.by} made this plan: another person approves it")
    if planned.facts.get("uid") != uid:
        return
    if not site.replay.approve_by_name:
        raise Refused(
            f"this is the account of whoever made the plan (uid {uid}, {planned.by}): another person approves it, under an account "
            f"of their own. Where persons share one, see replay.approve_by_name and {PERSON_VARIABLE} (docs/operations.md)"
        )
    if not _name_in(planned.by):
        raise Refused(
            f"who made the plan said no name ({PERSON_VARIABLE}), and it is the same account: make the plan anew, with one"
        )
    if not _name_in(me) or _name_in(me) == _name_in(planned.by):
        raise Refused(f"{planned.by} made this plan: another person approves it, who says another name ({PERSON_VARIABLE})")


def _account() -> str:
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"{uid}"


def _person() -> str:
    name = " ".join(os.environ.get(PERSON_VARIABLE, "").split())
    if not name.isprintable() or len(name) > _LONGEST or "@" in name or _VIA in name or mask_text(name) != name:
        raise Misconfigured(
            f"{PERSON_VARIABLE} is the name of whoever gives the order: at most {_LONGEST} characters, no @, no person's number"
        )
    return name


def _name_in(by: str) -> str:
    name, via, _ = by.partition(_VIA)
    return name.casefold() if via else ""

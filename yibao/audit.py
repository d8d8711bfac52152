"""Who did what, from where and why: one line for each verb that shows or changes something of consequence.

The line is written before the thing is done, and nothing is done where it cannot be written. It holds no personal data.
"""

import secrets
from collections.abc import Mapping

import orjson

from streams.mapping import Site
from streams.topics.control import FORM
from streams.topics.writing import write
from streams.wiring import client_options
from yibao.binding import actor, now_of


def note(site: Site, order: str, *, why: str, about: Mapping[str, object]) -> None:
    """Write a line into `visit.control`. order: the verb. about: what it is done to (ids, a filter, counts). Raises Unreachable,
    Refused where it was not written.
    """
    at = now_of(site)
    line = {"form": FORM, "order": order, "at": at, "by": actor(), "why": why, **about}
    key = f"order/{at}/{secrets.token_hex(4)}".encode()
    otherwise = "nothing was done, and the note of it may stand"
    write(client_options(site), site.topics.control, key=key, value=orjson.dumps(line), otherwise=otherwise)

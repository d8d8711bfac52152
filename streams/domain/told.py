"""What the place stage says of a row beside the row itself: which visit it belongs to, or why none."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from connector.contract import Op
from streams.domain.records import Row
from streams.errors import Rejected

MISSING_HEADER: Final = "MISSING_HEADER"
HEADER_WITHOUT_VISIT: Final = "HEADER_WITHOUT_VISIT"
AMBIGUOUS_HEADER: Final = "AMBIGUOUS_HEADER"
"""Why a row has no visit: no row backs its header; the header itself names none; the rows that back it do not agree."""


class Told(NamedTuple):
    """What the place stage says of a row that hangs under a header. Such a row is written anew: it carries what of its header its
    records read, and the place stage itself has recognised what capture sends again.
    """

    visit: str | None
    """The visit that it belongs to, or left; None where it belongs to none."""
    why: str = ""
    """Where it belongs to none: the rule of its letter."""
    header: str = ""
    """And the header that it was waited for."""
    moved: str = ""
    """`left` or `arrived`, of a row that goes from one visit to another one."""

    def __repr__(self) -> str:
        """Without the keys."""
        return f"Told(why={self.why!r})"


def told_value(told: Told, *, op: Op, row: Row, source: Mapping[str, object]) -> bytes:
    """The value of a message about a row that hangs under a header, as `decode` reads it. source: the block of that name."""
    images = {"before": row, "after": None} if op is Op.DELETE else {"before": None, "after": row}
    said = {name: value for name, value in told._asdict().items() if value}
    return orjson.dumps({"op": op.value, **images, "source": source, "place": said})


def told_in(said: object) -> Told:
    """What is said in a message. Raises Rejected where it cannot be read."""
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise Rejected("what the place stage says of the row cannot be read")
    return Told(visit=said.get("visit"), why=said.get("why", ""), header=said.get("header", ""), moved=said.get("moved", ""))

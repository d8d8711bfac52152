"""Messages that say what time it is. Each has its place in the order of its topic, so that time-outs are decided like everything
else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from streams.errors import Rejected

END_OF_TIME: Final = 10**13
"""The first moment (ms, in the year 2286) that a state entry has no digits for."""
_BEGINS: Final = b'{"yibao":"tick"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A message that says what time it is."""

    at: int
    """Milliseconds since the epoch."""
    source: str = ""
    """The source in the order of whose log it stands; `""` where nobody said."""
    open: str = ""
    """That source's transaction which may go on; `""`: none."""

    def tells(self, source: str) -> bool:
        """Whether all rows of a source have come that were captured before it."""
        return self.source in ("", source)

    def ended(self, source: str, transaction: str) -> bool:
        """Whether a transaction of a source is known to have ended."""
        return self.tells(source) and (not transaction or transaction != self.open)


def tick_value(at: int, partitions: Sequence[int] | None = None) -> bytes:
    """The value of a tick message. partitions: of `visit.changes`, to be told the time; None in that topic itself."""
    asked = {} if partitions is None else {"partitions": partitions}
    return orjson.dumps({"yibao": "tick", "at": at, **asked})


def placed_tick_value(at: object, source: str, transaction: str) -> bytes:
    """The value of a tick that the place stage hands on. at: as it was asked for. transaction: of the source, that may go on; `""`:
    none.
    """
    return orjson.dumps({"yibao": "tick", "at": at, "source": source} | ({"open": transaction} if transaction else {}))


def is_tick(key: bytes | None, value: bytes | None) -> bool:
    """Whether a message is a tick and no row, without reading it: by how it was written here."""
    return key is None and value is not None and value.startswith(_BEGINS)


def tick_in(envelope: Mapping[str, object]) -> Tick:
    """The tick in a parsed value. Raises Rejected."""
    at = envelope.get("at")
    if envelope.get("yibao") != "tick" or type(at) is not int or not 0 <= at < END_OF_TIME:
        raise Rejected("the value is neither a change envelope nor a tick")
    return Tick(at=at, source=f"{envelope.get('source', '')}", open=f"{envelope.get('open', '')}")

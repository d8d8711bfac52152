"""What a lane met, as the error that ends its process."""

from streams.errors import Fatal, Newer
from streams.lanes.away import away
from streams.lanes.exits import Exit


def fatal_of(exc: BaseException, *, place: str, servers: str) -> Fatal:
    """The error to end the process with: where it happened, and its type. The text of foreign errors may quote a record and is left
    out. place: topic and partition of the lane. servers: the brokers that it knows.
    """
    if isinstance(exc, Newer):
        return Newer(f"{place}: {exc.met}")
    if isinstance(exc, Fatal):
        return exc
    if fatal := away(exc, servers=servers, who=f"the lane of {place}"):
        return fatal
    fatal = Fatal(f"the lane of {place} met {type(exc).__name__}", exit_code=Exit.LANE)
    fatal.__cause__ = exc
    return fatal

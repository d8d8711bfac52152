"""What a person does about a capture that failed, by what Connect tells of its end. Pure.

Words of the database come in its own language, so what is not recognised names every way.
"""

import re
from typing import Final

from connector.contract import CaptureSource
from connector.profiles import profile_of

_LOST: Final = re.compile(
    r"no longer available on the server|can no longer (get changes from|access) replication slot|replication slot .* does not exist"
    r"|Could not find (first log file name|GTID state requested)"  # MariaDB: its log was removed, or begins behind the place
    r"|which is not in the master's binlog"  # MariaDB: another server, which never had the last transaction
    r"|requested WAL segment .* has already been removed|invalidated"
    r"|insufficient number of arguments were supplied for the procedure or function cdc"  # SQL Server: it was cleaned up before
    r"|None of the log files contains? offset SCN|ORA-01291|redo SCN .* no longer available",  # Oracle: an archived log is gone
    re.IGNORECASE | re.DOTALL,
)
_HISTORY: Final = re.compile(r"(db|schema) history topic", re.IGNORECASE)
"""MariaDB: what the tables looked like at the place in the log."""
_TAKEN: Final = re.compile(r"replication slot .* is (already )?active", re.IGNORECASE | re.DOTALL)


def is_lost(failure: str) -> bool:
    """Whether it says that the capture's place in the log, or what the tables looked like there, is lost, which no restart brings
    back. Of a database that speaks another language it does not.
    """
    return _LOST.search(failure) is not None or _HISTORY.search(failure) is not None


def remedy_of(failure: str, source: CaptureSource) -> str:
    """What to do, in the order in which it is done; the commands are ready to paste."""
    name = source.name
    anew = (
        f"yibao connector forget {name} (begins anew and reads every row; what is known is not reported again), then: "
        f"yibao resume {name} --why …, and the yibao resnapshot that it names"
    )
    advice = profile_of(source.kind).advice(source)
    if is_lost(failure):
        dropped = f"have what is left of the slot dropped ({advice.drop}), then: " if advice.drop else ""
        lost = "its place in the log" if _LOST.search(failure) else f"its schema history (capture.history.{name})"
        return f"{lost} is lost, and a restart does not bring it back: {dropped}{anew}"
    if _TAKEN.search(failure):
        return (
            f"another capture reads with its {advice.place}: stop that one, or {advice.another}, then: "
            f"yibao connector restart {name}"
        )
    return f"mend the cause, then: yibao connector restart {name}. Where its slot or its place in the log is lost: {anew}"

"""Who reads the log at a source's place now."""

from connector.contract import CaptureSource
from connector.profiles.postgresql.login import logged_in

_READER = """
SELECT s.active_pid, host(a.client_addr), to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SSOF')
FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
WHERE s.slot_name = %s AND s.active
"""


def reader_of(source: CaptureSource, *, password: str) -> str | None:
    """As a person finds it: the process of the server, and from where and since when; None while nobody reads. Another role's
    address stays hidden. Raises Unreachable, Misconfigured, Refused.
    """
    with logged_in(source, password=password) as connection:
        row = connection.execute(_READER, (source.slot,)).fetchone()
    if row is None:
        return None
    pid, address, since = row
    return f"process {pid}{'' if address is None else f' from {address}'}{'' if since is None else f' since {since}'}"

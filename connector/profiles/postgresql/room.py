"""What stands around a capture in PostgreSQL, read as its role; and how its slot is given up."""

from typing import Final

import psycopg
from psycopg.rows import TupleRow

from connector.contract import CaptureSource
from connector.errors import Refused
from connector.profiles.postgresql.login import logged_in
from connector.room import KeptLog, Room

_MEGABYTE: Final = 1 << 20

_END: Final = "coalesce(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')"

_SERVER: Final = f"""
SELECT current_setting('max_wal_senders')::int, (SELECT count(*) FROM pg_stat_replication), ({_END} - '0/0')::bigint,
       clock_timestamp(), current_setting('TimeZone'),
       (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size')
"""  # noqa: S608 - of constants alone

_SLOT: Final = f"""
SELECT greatest(({_END} - restart_lsn)::bigint, 0), wal_status, active, (confirmed_flush_lsn - '0/0')::bigint
FROM pg_replication_slots WHERE slot_name = %s
"""  # noqa: S608 - of constants alone

_END_READER: Final = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active"
_DROP: Final = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active"


def read_room(source: CaptureSource, *, password: str) -> Room:
    """Look once. Raises Unreachable, Misconfigured, Refused."""
    with logged_in(source, password=password) as connection:
        row = connection.execute(_SERVER).fetchone()
        if row is None:
            raise Refused(f"source {source.name}: the database does not say how it stands")
        senders, taken, log, now, zone, most = row
        slot = connection.execute(_SLOT, (source.slot,)).fetchone()
    return Room(
        free_senders=senders - taken,
        max_senders=senders,
        kept=None if slot is None else _kept(slot, None if most is None or most < 0 else most * _MEGABYTE),
        log=log,
        now=now,
        zone=zone,
    )


def _kept(row: TupleRow, most: int | None) -> KeptLog:
    kept, status, active, position = row
    return KeptLog(bytes=kept or 0, most=most, status=f"{status}", active=active, position=position or 0)


def give_up(source: CaptureSource, *, password: str) -> bool:
    """Drop the source's slot, so that the server may drop the log that it kept for it; whoever reads with it is ended first.
    Returns whether the slot is gone: one that somebody took again meanwhile stays, to be tried once more. Raises Unreachable,
    Misconfigured, Refused.
    """
    with logged_in(source, password=password) as connection:
        connection.execute(_END_READER, (source.slot,))
        connection.commit()
        try:
            connection.execute(_DROP, (source.slot,))
            connection.commit()
        except psycopg.errors.ObjectInUse:
            connection.rollback()
        return connection.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", (source.slot,)).fetchone() is None

"""What stands around a capture in MariaDB or MySQL, read as its account."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from connector.contract import CaptureSource
from connector.profiles.mariadb.login import logged_in
from connector.profiles.mariadb.numbered import SETTINGS, numbered
from connector.room import Room

_NOW: Final = (
    "SELECT utc_timestamp(6), timestampdiff(SECOND, utc_timestamp(), now()), @@global.time_zone, @@global.system_time_zone"
)
_SYSTEM: Final = "SYSTEM"


def read_room(source: CaptureSource, *, password: str) -> Room:
    """Look once. Raises Unreachable, Misconfigured, Refused."""
    with logged_in(source, password=password) as session:
        settings = session.settings("max_connections", *SETTINGS)
        ((_, taken),) = session.rows("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
        session.rows("SET SESSION time_zone = @@global.time_zone")
        ((now, ahead, zone, system),) = session.rows(_NOW)
    most = int(settings.get("max_connections", "0"))
    assert isinstance(now, datetime)
    offset = timezone(timedelta(seconds=int(ahead)))
    return Room(
        free_senders=most - int(taken),
        max_senders=most,
        kept=None,
        log=numbered(settings),
        now=now.replace(tzinfo=UTC).astimezone(offset),
        zone=f"{zone} ({system})" if zone == _SYSTEM else f"{zone}",
    )

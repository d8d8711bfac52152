"""How many transactions the log of a MariaDB or MySQL numbers, by what the server says of it. Pure."""

from collections.abc import Iterator, Mapping

SETTINGS = ("gtid_binlog_pos", "gtid_executed")
"""The settings that say it: MariaDB's, MySQL's."""


def numbered(settings: Mapping[str, str]) -> int:
    """MariaDB: the highest number. MySQL: how many there are, by whichever server they were numbered."""
    numbers = [one.rpartition("-")[2] for one in settings.get("gtid_binlog_pos", "").split(",")]
    highest = max((int(number) for number in numbers if number.strip().isdecimal()), default=0)
    return highest + sum(_counted(settings.get("gtid_executed", "")))


def _counted(executed: str) -> Iterator[int]:
    """Of each range in `uuid:1-5:7, uuid:tag:1-3`."""
    for of_server in executed.split(","):
        for part in of_server.strip().split(":")[1:]:
            first, _, last = part.partition("-")
            if first.isdecimal():
                yield int(last or first) - int(first) + 1

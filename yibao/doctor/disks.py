"""Room on this machine's disks, judged. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yibao.doctor.checks import Told, blocks, warns

_LEAST: Final = 256 << 20
_FEW: Final = 1 << 30
_SHARE: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFacts:
    """The disk under one folder."""

    purpose: str
    """What is kept there."""
    folder: Path
    """The folder, or the nearest one above it that exists."""
    free: int
    """Bytes that this account may still write."""
    total: int
    """Bytes in all."""
    writable: bool
    """Whether this account may write there."""


def of_disks(disks: Sequence[DiskFacts]) -> Iterator[Told]:
    """A worker without room for its copy ends with 76; nothing is lost."""
    for one in disks:
        where, free = f"{one.folder} ({one.purpose})", f"{one.free / (1 << 30):.1f} GiB of {one.total / (1 << 30):.1f} are free"
        mend = f"du -xh --max-depth=2 {one.folder} | sort -h  # or set workers.home to a larger disk"
        if one.free < _LEAST:
            yield blocks("disk.room", where, f"is full: {free}; workers end with 76", mend)
        elif one.free < _FEW or one.free < _SHARE * one.total:
            yield warns("disk.room", where, f"is nearly full: {free}", mend)
        if not one.writable:
            yield blocks(
                "disk.access", where, "is not this account's to write", "run the workers, and this, as the account that owns it"
            )

"""What stands in an image, file by file: sizes, rights, owners, code."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.images.container import UID, Root
from tests.images.failed import Failed

MOST_BYTES: Final = {"yibao-cdc": 250_000_000, "yibao-cdc-connect": 420_000_000, "yibao-cdc-trial": 480_000_000}
"""Of each image, unpacked."""
_HOMES: Final = ("var/lib/yibao", "var/lib/kafka")
"""What belongs to the user of an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of one image."""

    bytes: int
    files: int
    setuid: int


def look(name: str, root: Root) -> Figures:
    """Raises Failed where something is not as promised."""
    size = files = setuid = 0
    seen: set[int] = set()
    for path, found in _walk(root.path):
        if stat.S_ISREG(found.st_mode) and found.st_ino not in seen:
            seen.add(found.st_ino)
            size, files = size + found.st_size, files + 1
            setuid += bool(found.st_mode & (stat.S_ISUID | stat.S_ISGID))
        inside = path.relative_to(root.path).as_posix()
        if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode):  # a container has a /dev of its own
            _demand_rights(name, inside, found)
    if setuid:
        raise Failed(f"{name} holds {setuid} files that give another's rights")
    if size > MOST_BYTES[name]:
        raise Failed(f"{name} holds {size / 1e6:.0f} MB, more than {MOST_BYTES[name] / 1e6:.0f}")
    if root.config["User"] != f"{UID}:{UID}":
        raise Failed(f"{name} runs as {root.config['User']}")
    return Figures(bytes=size, files=files, setuid=setuid)


def _demand_rights(name: str, inside: str, found: os.stat_result) -> None:
    ours = UID in (found.st_uid, found.st_gid)
    if ours and inside not in _HOMES:
        raise Failed(f"{name}: /{inside} belongs to the user that it runs as")
    by_all = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
    if by_all:
        raise Failed(f"{name}: everybody may write /{inside}")


def _walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            yield path, path.lstat()

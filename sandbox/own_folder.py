"""A folder that a part of the sandbox made for itself and may empty again: known by a mark, never by its name alone.

Whoever mistypes a `--home` must not lose what stands there. So a folder is taken only where it is new, empty or marked; it is
emptied only of what is put into it by us, by name; and a link in it goes without what it points to.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from streams.errors import Misconfigured
from streams.private_files import demand_own, private_folder, write_private

MARK: Final = ".yibao-home"
_MOUNTS: Final = Path("/proc/self/mountinfo")
_MAY_BE_PASSED: Final = 0o711


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFolder:
    """A folder that may be taken and emptied."""

    root: Path
    """Absolute, without links."""
    kind: str
    """What has its home there."""
    holds: tuple[str, ...]
    """Patterns of everything that is put directly into it."""
    known_by: tuple[str, ...] = ()
    """Files by which the home of a version is known that set no mark."""

    @property
    def is_there(self) -> bool:
        """Whether it was made, and not emptied since."""
        return self.root.is_dir() and bool(self._names())

    @property
    def is_made(self) -> bool:
        """Whether it was made by us, emptied since or not. An empty folder without a mark is somebody's."""
        return bool(self._mark()) or self._is_of_an_older_version(self._names())

    def claim(self) -> None:
        """Make the folder, or make sure that it is ours, and close it to others. Raises Misconfigured where that cannot be."""
        self.demand_ours()
        try:
            for place in reversed([place for place in self.root.parents if not place.is_dir()]):
                place.mkdir(exist_ok=True)
                place.chmod(_MAY_BE_PASSED)  # PostgreSQL may run as another account
            private_folder(self.root)
            mark = {"kind": self.kind, "path": str(self.root), "inode": self.root.stat().st_ino}
            if self._mark() != mark:
                write_private(self.root / MARK, json.dumps(mark, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Misconfigured(f"{self.root} cannot be used ({error.strerror}): mend that, or choose another directory") from error

    def demand_ours(self) -> None:
        """Raises Misconfigured unless the folder is missing, empty, or one of ours of this kind."""
        try:
            names = self._names()
            if self.root.exists():
                demand_own(self.root)
        except OSError as error:
            raise Misconfigured(f"{self.root} cannot be looked into ({error.strerror}): choose another directory") from error
        mark = self._mark()
        if mark:
            self._demand_made_here(mark)
        elif names and not self._is_of_an_older_version(names):
            raise Misconfigured(
                f"{self.root} is not empty and nothing says that we made it (there is no {MARK} in it): it is left as it is. "
                "Choose a new or an empty directory. Where all in it may go, remove it yourself"
            )

    def demand_erasable(self) -> None:
        """Raises Misconfigured where something in the folder is not ours, or was mounted there."""
        self.demand_ours()
        strange = [name for name in self._names() if not any(fnmatchcase(name, pattern) for pattern in self.holds)]
        if strange:
            raise Misconfigured(
                f"{self.root} holds what is not ours: {', '.join(strange[:5])}{', …' if strange[5:] else ''}. Nothing was removed: "
                "move it away, then try again"
            )
        if mounted := [place for place in _mount_points() if self.root in place.parents]:
            raise Misconfigured(f"{mounted[0]} is mounted in {self.root}. Nothing was removed: unmount it, then try again")

    def empty(self) -> None:
        """Remove everything in it but the mark. Raises Misconfigured, before anything is removed, where something is not ours."""
        self.demand_erasable()
        for name in self._names():
            _remove(self.root / name)

    def remove(self) -> None:
        """Remove all of it; as `empty`. The folder itself stays where it is a mount point, where we are, or not made by us."""
        is_made = self.is_made
        self.empty()
        if is_made and self.root.is_dir():
            for mark in self.root.glob(f"{MARK}*"):
                _remove(mark)
            with suppress(OSError):
                if self.root != Path.cwd():
                    self.root.rmdir()

    def _names(self) -> list[str]:
        """What is in the folder, the mark apart."""
        if not self.root.exists():
            return []
        return sorted(entry.name for entry in self.root.iterdir() if not entry.name.startswith(MARK))

    def _mark(self) -> dict[str, Any]:
        try:
            mark = json.loads((self.root / MARK).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Misconfigured(f"{self.root / MARK} cannot be read ({error}): choose another directory") from error
        return mark if isinstance(mark, dict) else {}

    def _demand_made_here(self, mark: dict[str, Any]) -> None:
        """A mark that came with a copy says nothing of the folder that it came into. A folder that was moved keeps its inode."""
        if mark.get("kind") != self.kind:
            raise Misconfigured(f"{self.root} is the home of a {mark.get('kind')}, not of a {self.kind}: choose another directory")
        if mark.get("path") != str(self.root) and mark.get("inode") != self.root.stat().st_ino:
            raise Misconfigured(
                f"{self.root} has the mark of {mark.get('path')} and is not that directory, but a copy: it is left as it is. "
                "Choose another directory. Where all in it may go, remove it yourself"
            )

    def _is_of_an_older_version(self, names: list[str]) -> bool:
        """Whether nothing but our names is there, and what tells ours from others that chose such names."""
        ours = all(any(fnmatchcase(name, pattern) for pattern in self.holds) for name in names)
        return ours and bool(self.known_by) and all((self.root / file).exists() for file in self.known_by)


def _remove(path: Path) -> None:
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path)
    except OSError as error:
        raise Misconfigured(
            f"{error.filename or path} cannot be removed ({error.strerror}), so {path} is still there: mend that, then try again"
        ) from error


def _mount_points() -> Iterator[Path]:
    """Where something is mounted on this machine; nothing where that cannot be asked."""
    with suppress(OSError):
        for line in _MOUNTS.read_bytes().splitlines():
            place = line.split()[4]
            yield Path(os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), place)))

"""What another account of this machine gets to read: asked as that account where we may become it, by the modes elsewhere."""

import os
import stat
import subprocess
from pathlib import Path

_NOBODY = 65534
_OPENED = 'while IFS= read -r path; do ( : < "$path" ) 2>/dev/null && printf "%s\\n" "$path"; done; true'
"""Opens each path by its whole name: who knows a name needs to list nothing."""


def read_by_others(root: Path) -> list[str]:
    """Folders and files below `root`, itself included, that others can list or read. Nothing may be named with a line break."""
    every = [root, *(Path(place, name) for place, folders, files in os.walk(root) for name in (*folders, *files))]
    return [f"{path} {mode:o}" for path in every if (mode := _too_open(path))] + opened_by_another(every)


def opened_by_another(paths: list[Path]) -> list[str]:
    """Those that the account `nobody` really opens; under root only, elsewhere none."""
    if os.geteuid() != 0:
        return []
    asked = "".join(f"{path}\n" for path in paths)
    become = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    done = subprocess.run(["/bin/sh", "-c", _OPENED], input=asked, stdout=subprocess.PIPE, text=True, check=True, cwd="/", **become)
    return done.stdout.splitlines()


def _too_open(path: Path) -> int:
    """The mode of a path that lets others in; 0 for one that does not, a link, or one that a running server took away meanwhile."""
    try:
        found = path.lstat().st_mode
    except FileNotFoundError:
        return 0
    allowed = 0o710 if stat.S_ISDIR(found) else 0o600
    return 0 if stat.S_ISLNK(found) or not stat.S_IMODE(found) & ~allowed else stat.S_IMODE(found)

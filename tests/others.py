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
    every = [path for path in (root, *root.rglob("*")) if not path.is_symlink()]
    by_mode = [f"{path} {_mode(path):o}" for path in every if _mode(path) & (0o067 if path.is_dir() else 0o077)]
    return by_mode + opened_by_another(every)


def opened_by_another(paths: list[Path]) -> list[str]:
    """Those that the account `nobody` really opens; under root only, elsewhere none."""
    if os.geteuid() != 0:
        return []
    asked = "".join(f"{path}\n" for path in paths)
    become = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    done = subprocess.run(["/bin/sh", "-c", _OPENED], input=asked, stdout=subprocess.PIPE, text=True, check=True, cwd="/", **become)
    return done.stdout.splitlines()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)

"""`make path-proof`: a clone in an awkward path is set up and demonstrated there, and nothing is written outside of it.

The path has Chinese characters, blanks, a quote and signs that a shell, a property file, an address or a pattern reads otherwise,
and is longer than a Unix socket's may be; the locale is `C`, in which Java knows no such names. Meanwhile every file that one of
its processes has open for writing is looked up in /proc. Outside of the clone only the documented caches may be among them: Maven's
and pip's, and PostgreSQL's directory under /var/tmp where root keeps the clone from its account.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

CHECKOUT = Path(__file__).resolve().parents[1]
AWKWARD = Path("医院 接口", "yibao cdc's", "100% #1 +[x]&y;z=!w", "a-name-that-is-as-long-as-they-get-" * 3)
CACHES = (Path.home() / ".m2", Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pip", Path("/var/tmp"))
MARK = "YIBAO_PATH_PROOF"
LOOK_S = 0.2
_WRITING = os.O_WRONLY | os.O_RDWR
_NO_FILES = ("/dev/", "/proc/", "/sys/", "/memfd:", "/SYSV")  # the last two are memory


class Watch:
    """Looks at what the processes that inherit a mark in their environment have open for writing."""

    def __init__(self, mark: str, *, allowed: Sequence[Path]) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self._allowed = allowed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="watch", daemon=True)
        self.looks = 0
        self.seen: set[Path] = set()
        self._ours = set(_written_by(Path("/proc/self")))  # what this output was sent to

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def outside(self) -> list[Path]:
        """Files elsewhere than where they may be."""
        return sorted(path for path in self.seen if not any(path.is_relative_to(place) for place in self._allowed))

    def _look_on(self) -> None:
        while not self._over.wait(LOOK_S):
            self.looks += 1
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if self._mark in (process / "environ").read_bytes().split(b"\0"):
                        self.seen.update(Path(name) for name in _written_by(process) if name not in self._ours)
                except OSError:
                    continue  # it ended, or is not ours to ask


def _written_by(process: Path) -> Iterator[str]:
    for descriptor in (process / "fd").iterdir():
        try:
            name = f"{descriptor.readlink()}"
            flags = (process / "fdinfo" / descriptor.name).read_text("ascii").split("flags:\t")[1].split()[0]
        except FileNotFoundError:
            continue  # closed meanwhile
        if int(flags, 8) & _WRITING and _is_file(name):
            yield name.removesuffix(" (deleted)")
    for line in (process / "maps").read_bytes().splitlines():
        fields = line.split(maxsplit=5)
        if fields[1] == b"rw-s" and len(fields) == 6 and _is_file(name := os.fsdecode(fields[5])):
            yield name.removesuffix(" (deleted)")


def _is_file(name: str) -> bool:
    return name.startswith("/") and not name.startswith(_NO_FILES)


def main() -> int:
    """0 when it works there and stays there."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    root = Path(tempfile.mkdtemp(prefix="yibao-path-proof-"))
    root.chmod(0o711)  # under root PostgreSQL runs as another user and must get in
    try:
        return _prove(root, demo_arguments=sys.argv[1:])
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _prove(root: Path, *, demo_arguments: Sequence[str]) -> int:
    clone, scratch = root / AWKWARD, root / "scratch"
    scratch.mkdir()
    subprocess.run(["git", "clone", "--quiet", CHECKOUT, clone], check=True)
    mark = secrets.token_hex(8)
    environment = {**os.environ, MARK: mark, "TMPDIR": f"{scratch}", "LC_ALL": "C"}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH"):
        environment.pop(name, None)
    began = time.monotonic()
    with Watch(mark, allowed=(clone, scratch, *CACHES)) as watch:
        for target in (["setup"], ["demo", f"DEMO_ARGS={' '.join(demo_arguments)}"]):
            _say(f"make {target[0]} in {clone}")
            code = subprocess.run(["make", *target], cwd=clone, env=environment, check=False).returncode
            if code != 0:
                _say(f"FAILED: make {target[0]} ends with {code}")
                return 1
    left = sorted(f"{path}" for path in (*root.iterdir(), *scratch.iterdir()) if path not in (scratch, root / AWKWARD.parts[0]))
    strays = [f"{path}" for path in watch.outside] + left
    inside = sum(path.is_relative_to(clone) for path in watch.seen)
    _say(f"path of {len(os.fsencode(clone))} bytes; {watch.looks} looks saw {inside} files written in the clone")
    for stray in strays:
        _say(f"FAILED: written outside of it: {stray}")
    if strays or not inside:
        return 1
    _say(f"nothing was written outside of it but the documented caches; {time.monotonic() - began:.0f} s")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"path-proof: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""A bound on the CPU that a worker may take, set as Kubernetes sets one: by a control group.

Twice the workers can do twice the work only where there is twice the CPU for them. Where broker, platform and workers share few
cores there is not; under a bound that leaves most of the machine free there is.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_VERSION_1 = Path("/sys/fs/cgroup/cpu")
_VERSION_2 = Path("/sys/fs/cgroup")
_PERIOD_US = 20_000
"""Short, so that a worker that used its share stands still for milliseconds and not for a tenth of a second."""

_numbers = itertools.count()


def can_be_bound() -> bool:
    """Whether this process may make control groups that bound the CPU."""
    root = _root()
    if not os.access(root, os.W_OK):
        return False
    return root == _VERSION_1 or "cpu" in (root / "cgroup.subtree_control").read_text("ascii").split()


@contextmanager
def bound(cores: float | None) -> Iterator[Callable[[int], None]]:
    """What puts a process (its id) under the bound, all its threads; None: under none. The process must end before this does."""
    if cores is None:
        yield lambda _: None
        return
    group = _root() / f"yibao-bench-{os.getpid()}-{next(_numbers)}"
    group.mkdir()
    try:
        for name, value in _limits(cores).items():
            (group / name).write_text(value, encoding="ascii")
        yield lambda pid: _put(group, pid)
    finally:
        group.rmdir()


def _put(group: Path, pid: int) -> None:
    (group / "cgroup.procs").write_text(f"{pid}", encoding="ascii")


def _root() -> Path:
    return _VERSION_1 if _VERSION_1.is_dir() else _VERSION_2


def _limits(cores: float) -> Mapping[str, str]:
    quota_us = int(cores * _PERIOD_US)
    if _root() == _VERSION_1:
        return {"cpu.cfs_period_us": f"{_PERIOD_US}", "cpu.cfs_quota_us": f"{quota_us}"}
    return {"cpu.max": f"{quota_us} {_PERIOD_US}"}

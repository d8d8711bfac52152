"""The folder of a worker on its machine: what its state holds came from patients' records, so nobody else may look into it."""

import os
import re
from pathlib import Path

from streams.errors import Misconfigured
from streams.private_files import private_folder

_OF_A_WORKER = re.compile(r"(place|join|deliver)-\d+")


def make_home(home: Path) -> None:
    """Make a worker's folder, closed to everybody else; Faust would make only the last part of it.

    The folder of all workers is closed, too, where it is ours and holds nothing else: it may be a volume, or somebody's own.
    """
    try:
        private_folder(home)
        all_workers = home.parent
        if all_workers.stat().st_uid == os.geteuid() and all(_OF_A_WORKER.fullmatch(one.name) for one in all_workers.iterdir()):
            private_folder(all_workers)
    except OSError as exc:
        raise Misconfigured(
            f"the worker's folder {home} cannot be made ({exc.strerror}): mend that, or choose another with --home or workers.home"
        ) from exc

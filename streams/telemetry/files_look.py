"""How old the keys, and how near their end the certificates are that site.yaml names."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from streams.bounded import TEXT_BYTES, read_bounded
from streams.errors import YibaoError
from streams.telemetry.board import Board
from streams.telemetry.certificates import first_end

_EVERY_S: Final = 60.0


class FilesLook:
    """certificates: files by the setting that names them. keys: files by institution. They are read in a thread, once a minute: a
    disk that hangs must not hold the event loop.
    """

    def __init__(
        self, certificates: Mapping[str, Path], keys: Mapping[str, Path], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._certificates = certificates
        self._keys = keys
        self._clock = clock
        self._due = float("-inf")
        self._reading: asyncio.Future[None] | None = None
        self._ends: Mapping[str, float] = {}
        self._changed: Mapping[str, float] = {}

    def __call__(self, board: Board) -> None:
        """Put down what was read last; have it read again where that is due."""
        if self._clock() >= self._due and (self._reading is None or self._reading.done()):
            self._due = self._clock() + _EVERY_S
            self._reading = asyncio.get_running_loop().run_in_executor(None, self.read)
        for name, end in self._ends.items():
            board.put("cdc_certificate_expiry_timestamp_seconds", end, name)
        for institution, changed in self._changed.items():
            board.put("cdc_institution_key_changed_timestamp_seconds", changed, institution)

    def read(self) -> None:
        """Read them. One that cannot be read has no sample; that it is needed, others tell."""
        self._ends = {name: end for name, file in self._certificates.items() if (end := _end(file)) is not None}
        self._changed = {name: changed for name, file in self._keys.items() if (changed := _changed_at(file)) is not None}


def _end(file: Path) -> float | None:
    try:
        return first_end(read_bounded(file, most=TEXT_BYTES))
    except (OSError, YibaoError):
        return None


def _changed_at(file: Path) -> float | None:
    try:
        return file.stat().st_mtime
    except OSError:
        return None

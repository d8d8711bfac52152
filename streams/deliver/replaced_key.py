"""A key that may be replaced on disk while a worker runs: whoever seals looks first whether its file is another one."""

import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import structlog

from streams.deliver.request import Seal
from streams.errors import Misconfigured

logger = structlog.get_logger(__name__)

Read: TypeAlias = Callable[[], tuple[Seal, str]]
_State: TypeAlias = tuple[int, int, int, int]


class ReplacedKey:
    """The seal of one institution. A file that can be read as a key replaces the one before with the next batch that is sealed; one
    that cannot leaves it in force, and says so once. Where there is none before, nothing can be sealed until the file is mended:
    that holds this institution, and no other one.

    file: whose state on disk tells that it is another one; through links, as Kubernetes replaces a secret. read: makes the seal of
    it, and the fingerprint of its key; raises Misconfigured.
    """

    def __init__(self, file: Path, read: Read, *, institution: str) -> None:
        self._file = file
        self._read = read
        self._institution = institution
        self._state = self._look()
        self._seal: Seal | None = None
        self._fingerprint = ""
        self.fault: Misconfigured | None = None
        """Why nothing can be sealed; None where it can."""
        try:
            self._seal, self._fingerprint = read()
        except Misconfigured as error:
            self.fault = error

    @property
    def fingerprint(self) -> str:
        """Of the key that is in force; `""` where there is none."""
        return self._fingerprint

    @property
    def told(self) -> str:
        """Its file, and the fingerprint of the key that is in force."""
        return f"{self._file}, fingerprint {self._fingerprint or 'none'}"

    def seal(self, plain: bytes) -> str:
        """`plain` as the text of `data`, under the key as it is on disk."""
        if (state := self._look()) != self._state:
            self._take(state)
        if self._seal is None:
            raise self.fault or Misconfigured(f"{self._file} holds no key")
        return self._seal.seal(plain)

    def _look(self) -> _State | None:
        try:
            found = self._file.stat()
        except OSError:  # between the two steps of a tool that removes and writes; `read` tells of one that stays away
            return None
        if not stat.S_ISREG(found.st_mode):  # a pipe can be read once
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

    def _take(self, state: _State | None) -> None:
        # The state first: what is written while it is read is another state, and is read again with the next batch.
        self._state = state
        try:
            seal, fingerprint = self._read()
        except Misconfigured as error:
            self.refused(error)
            return
        before, self._fingerprint, self._seal, self.fault = self._fingerprint, fingerprint, seal, None
        logger.info("key_replaced", institution=self._institution, before=before, fingerprint=fingerprint)

    def refused(self, why: Misconfigured) -> None:
        """Say that the file holds no key, and which one is in force; `""` for none."""
        logger.error("key_refused", institution=self._institution, why=f"{why}", fingerprint=self._fingerprint)

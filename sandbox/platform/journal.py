"""The journal: every accepted record in the order of acceptance, in memory and, on request, in a file that outlives a crash.

A batch is appended with one write before it is answered: what the file holds was accepted, what it does not hold was not. Each line
says how many records its batch has, so that a batch torn by a crash is recognised and dropped when the file is read again.
"""

import errno
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson

from streams.errors import Misconfigured
from streams.private_files import private_descriptor, private_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One accepted record."""

    n: int
    """Its number, from 1."""
    msgid: str
    """Of its batch."""
    service: str
    """Code of the service."""
    institution: str
    """FIXMEDINS_CODE."""
    infno: str
    """Of its batch."""
    key: str
    """Value of the service's key field."""
    hash: str
    """BLAKE2b-128 in hex over the exact UTF-8 bytes of its JSON object as sent."""
    at_ms: int
    """When it was accepted."""
    rows: int
    """Records in its batch."""
    amount: str
    """MEDFEE_SUMAMT of a settlement, else `""`."""
    value: str | None = None
    """The JSON object as sent; None after a restart (the file holds no values)."""

    def line(self, *, with_value: bool = False) -> bytes:
        """The entry as a JSON line. The record itself only where it is asked for: it may identify a person."""
        fields: dict[str, object] = {
            "n": self.n,
            "msgid": self.msgid,
            "service": self.service,
            "institution": self.institution,
            "infno": self.infno,
            "key": self.key,
            "hash": self.hash,
            "at": datetime.fromtimestamp(self.at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "rows": self.rows,
            "amount": self.amount,
        }
        if with_value:
            fields["value"] = self.value
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def read_entry(line: bytes) -> Entry:
    """The entry that a line holds. Raises ValueError or KeyError when it is not one."""
    fields = orjson.loads(line)
    at = datetime.fromisoformat(fields.pop("at"))
    fields.pop("value", None)
    return Entry(**fields, at_ms=round(at.timestamp() * 1000))


_BEGINNING: Final = b'{"n":'
"""Of every line. What was torn from a journal begins so; the text of somebody else must not be cut off as if it were."""


class Journal:
    """Append-only list of accepted records. `path` None: in memory only."""

    def __init__(self, path: Path | None = None) -> None:
        self.entries: list[Entry] = []
        self._path = path
        self._file: int | None = None
        self.open()

    def open(self) -> None:
        """Read what an earlier run accepted, drop a torn tail, and append from there. Nothing happens when it is open."""
        if self._path is None or self._file is not None:
            return
        path = self._path
        try:
            if not path.parent.is_dir():
                private_folder(path.parent)
            _refuse_what_is_no_file(path)
            self.entries, good = _complete(path.read_bytes() if path.exists() else b"")
            self._file = private_descriptor(path, append=True)  # only now: what is no journal is left as it is
            os.ftruncate(self._file, good)
        except OSError as error:
            raise Misconfigured(
                f"{path}: the journal cannot be opened ({error.strerror}); give a path that can be written"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Misconfigured(f"{path}: not a journal of the platform simulator; move it away or give another path") from error

    def append(self, entries: Sequence[Entry]) -> None:
        """Add one whole batch: durable against a crash of this process when it returns."""
        if self._file is not None:
            data = memoryview(b"".join(entry.line() for entry in entries))
            while data:
                data = data[os.write(self._file, data) :]
        self.entries.extend(entries)

    def since(self, n: int) -> Iterator[Entry]:
        """The entries numbered above `n`."""
        return iter(self.entries[max(n, 0) :])

    def close(self) -> None:
        """Close the file. Reading stays possible."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        """Use as a context: closed at its end."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the file."""
        self.close()


def _complete(content: bytes) -> tuple[list[Entry], int]:
    """The entries of all whole batches and the length of the text that holds them. Raises as `read_entry` for another file."""
    entries: list[Entry] = []
    batch: list[Entry] = []
    good = position = 0
    for line in content.splitlines(keepends=True):
        position += len(line)
        if not line.endswith(b"\n"):
            if not (line.startswith(_BEGINNING) or _BEGINNING.startswith(line)):
                raise ValueError("the last line is no torn entry")
            break
        batch.append(read_entry(line))
        if len(batch) == batch[0].rows:
            entries += batch
            batch, good = [], position
    return entries, good


def _refuse_what_is_no_file(path: Path) -> None:
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is not a file", str(path))

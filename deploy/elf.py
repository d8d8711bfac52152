"""Which shared objects in wheels a kernel with pages of 64 KiB cannot map, or carry an allocator built for smaller pages.

Standard library only.
"""

import struct
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

PAGE: Final = 0x10000
_AARCH64: Final = 183
_LOAD: Final = 1
_JEMALLOC: Final = b"Unsupported system page size"


def faults(wheels: Iterable[Path]) -> Iterator[str]:
    """A line for each shared object for aarch64 that does not fit."""
    for wheel in sorted(wheels):
        with zipfile.ZipFile(wheel) as packed:
            for name in packed.namelist():
                if ".so" in name:
                    yield from (f"{wheel.name}: {name}: {fault}" for fault in _faults(packed.read(name)))


def alignment(content: bytes) -> int | None:
    """The smallest alignment, in bytes, of what is loaded of a shared object; None for what is none of aarch64."""
    if content[:5] != b"\x7fELF\x02" or struct.unpack_from("<H", content, 18)[0] != _AARCH64:
        return None
    (offset,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    places = [offset + number * size for number in range(count)]
    loaded = [place for place in places if struct.unpack_from("<I", content, place)[0] == _LOAD]
    return min((int(struct.unpack_from("<Q", content, place + 48)[0]) for place in loaded), default=PAGE)


def _faults(content: bytes) -> Iterator[str]:
    aligned = alignment(content)
    if aligned is not None and aligned < PAGE:
        yield f"aligned to {aligned:#x}, not to {PAGE:#x}"
    if aligned is not None and _JEMALLOC in content:
        yield "carries jemalloc, which is built for one size of pages"

"""Names under which messages are found. An index lies on a disk, so it holds no key, only what a key becomes here: whoever knows a
key finds its messages, and whoever has the index reads no key in it. Whether a message is really meant, it says itself.
"""

from hashlib import blake2b
from typing import Final

_NAME_BYTES: Final = 8
_IDENTITY_BYTES: Final = 16


def name_of(key: bytes) -> int:
    """Equal for equal keys, and hardly ever for others."""
    return int.from_bytes(blake2b(key, digest_size=_NAME_BYTES).digest(), "big", signed=True)


def identity_of(key: bytes) -> bytes:
    """The same where two keys must never be taken for one."""
    return blake2b(key, digest_size=_IDENTITY_BYTES).digest()

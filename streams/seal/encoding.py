"""How a sealed text is laid out: order of its parts, the leading 04, hex or Base64; and how long it gets.

SM2 (GB/T 32918.4) yields C1, the ephemeral point (x, y), C2, as long as the plain bytes, and C3, an SM3 digest. Implementations
disagree on everything else, and a wrong layout opens nowhere: hence one value that says all of it.
"""

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streams.errors import Rejected
from streams.seal.curve import COORDINATE_BYTES

_DIGEST_BYTES: Final = 32
_POINT_BYTES: Final = 2 * COORDINATE_BYTES
_PREFIX: Final = b"\x04"


class Order(StrEnum):
    """Order of the parts. C1C3C2 is the national standard's since 2016, C1C2C3 the older one."""

    C1C3C2 = "C1C3C2"
    C1C2C3 = "C1C2C3"


class SealedText(StrEnum):
    """How bytes become text. Hex is written in lower case and read in either."""

    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """One layout; the default is what Hutool reads."""

    order: Order = Order.C1C3C2
    """Order of the parts."""
    prefix: bool = True
    """Whether the byte 04 (uncompressed point) stands first."""
    text: SealedText = SealedText.HEX
    """How the bytes become text."""

    def __str__(self) -> str:
        """Say the layout the way a person writes it: `04 C1C3C2 hex`."""
        return f"{'04' if self.prefix else 'no-04'} {self.order} {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A ciphertext taken apart."""

    c1: bytes
    """The point: x and y, 32 bytes each, without the 04."""
    c2: bytes
    """The encrypted bytes."""
    c3: bytes
    """The digest."""


class SealBroken(Rejected):
    """A sealed text that cannot be opened: no such text, wrong length, altered, or sealed for another key."""


ENCODINGS: Final = tuple(
    Encoding(order=order, prefix=prefix, text=text) for order in Order for prefix in (True, False) for text in SealedText
)
"""All eight layouts, the default first."""


def _overhead(encoding: Encoding) -> int:
    return len(_PREFIX) * encoding.prefix + _POINT_BYTES + _DIGEST_BYTES


def sealed_chars(plain_bytes: int, encoding: Encoding) -> int:
    """Characters of the sealed text of `plain_bytes` bytes. Exact."""
    sealed = plain_bytes + _overhead(encoding)
    return 2 * sealed if encoding.text is SealedText.HEX else (sealed + 2) // 3 * 4


def max_plain_bytes(chars: int, encoding: Encoding) -> int:
    """The most plain bytes whose sealed text has at most `chars` characters; 0 where not even one byte fits."""
    sealed = chars // 2 if encoding.text is SealedText.HEX else chars // 4 * 3
    return max(0, sealed - _overhead(encoding))


def write(parts: Parts, encoding: Encoding) -> str:
    """The sealed text of these parts."""
    tail = (parts.c3, parts.c2) if encoding.order is Order.C1C3C2 else (parts.c2, parts.c3)
    sealed = b"".join((_PREFIX if encoding.prefix else b"", parts.c1, *tail))
    return sealed.hex() if encoding.text is SealedText.HEX else base64.b64encode(sealed).decode("ascii")


def read(text: str, encoding: Encoding) -> Parts:
    """The parts of a sealed text in exactly this layout. Raises SealBroken: not such a text, too short, 04 missing."""
    sealed = _bytes(text, encoding.text)
    if len(sealed) <= _overhead(encoding):
        raise SealBroken(f"a sealed text of {len(sealed)} bytes is too short for {encoding}")
    if encoding.prefix:
        if not sealed.startswith(_PREFIX):
            raise SealBroken(f"a sealed text does not begin with 04 as {encoding} demands")
        sealed = sealed[len(_PREFIX) :]
    c1, tail = sealed[:_POINT_BYTES], sealed[_POINT_BYTES:]
    if encoding.order is Order.C1C3C2:
        return Parts(c1=c1, c3=tail[:_DIGEST_BYTES], c2=tail[_DIGEST_BYTES:])
    return Parts(c1=c1, c2=tail[:-_DIGEST_BYTES], c3=tail[-_DIGEST_BYTES:])


def _bytes(text: str, form: SealedText) -> bytes:
    try:
        return binascii.unhexlify(text) if form is SealedText.HEX else base64.b64decode(text, validate=True)
    except ValueError as error:  # also characters outside ASCII
        raise SealBroken(f"a sealed text of {len(text)} characters is not {form}") from error

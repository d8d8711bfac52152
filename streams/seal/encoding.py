"""How a sealed text is laid out: order of its parts, the leading 04 or ASN.1, hex or Base64; and how long it gets.

SM2 (GB/T 32918.4) yields C1, the ephemeral point (x, y), C2, as long as the plain bytes, and C3, an SM3 digest. Implementations
disagree on everything else, and a wrong layout opens nowhere: hence one value that says all of it.
"""

import base64
import binascii
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from streams.errors import Rejected
from streams.seal import der
from streams.seal.curve import COORDINATE_BYTES

_DIGEST_BYTES: Final = 32
_POINT_BYTES: Final = 2 * COORDINATE_BYTES
_PREFIX: Final = b"\x04"


class Order(StrEnum):
    """Order of the parts. C1C3C2 is the national standard's since 2016, C1C2C3 the older one; ASN1 is the SEQUENCE of GM/T 0009: x
    and y as numbers, C3, C2.
    """

    C1C3C2 = "C1C3C2"
    C1C2C3 = "C1C2C3"
    ASN1 = "ASN1"


class SealedText(StrEnum):
    """How bytes become text. Hex is read in either case."""

    HEX = "hex"
    UPPER_HEX = "upper-hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """One layout; the default is what Hutool reads."""

    order: Order = Order.C1C3C2
    """Order of the parts."""
    prefix: bool = True
    """Whether the byte 04 (uncompressed point) stands first. Says nothing of ASN1, which has none."""
    text: SealedText = SealedText.HEX
    """How the bytes become text."""

    def __str__(self) -> str:
        """Say the layout the way a person writes it: `04 C1C3C2 hex`."""
        return f"{self._beginning}{self.order} {self.text}"

    @property
    def is_der(self) -> bool:
        """Whether the parts stand in a SEQUENCE."""
        return self.order is Order.ASN1

    @property
    def begins_with_04(self) -> bool:
        """Whether the point has its prefix."""
        return self.prefix and not self.is_der

    @property
    def _beginning(self) -> str:
        return "" if self.is_der else "04 " if self.prefix else "no-04 "


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


ENCODINGS: Final = (
    *(
        Encoding(order=order, prefix=prefix, text=text)
        for order in (Order.C1C3C2, Order.C1C2C3)
        for prefix in (True, False)
        for text in (SealedText.HEX, SealedText.BASE64)
    ),
    *(Encoding(order=Order.ASN1, text=text) for text in (SealedText.HEX, SealedText.BASE64)),
)
"""All layouts of the bytes, in hex and Base64, the default first: eight with a bare point, and two in a SEQUENCE. Hex in upper case
is the same bytes.
"""


def _overhead(encoding: Encoding) -> int:
    return len(_PREFIX) * encoding.prefix + _POINT_BYTES + _DIGEST_BYTES


def _sealed_bytes(plain_bytes: int, encoding: Encoding) -> int:
    """At most, in a SEQUENCE, where a coordinate may be a byte longer or some shorter; else exactly."""
    if not encoding.is_der:
        return plain_bytes + _overhead(encoding)
    content = 2 * der.size(COORDINATE_BYTES + 1) + der.size(_DIGEST_BYTES) + der.size(plain_bytes)
    return der.size(content)


def sealed_chars(plain_bytes: int, encoding: Encoding) -> int:
    """Characters of the sealed text of `plain_bytes` bytes. Exact, but in ASN1: there no text is longer, and few are shorter by
    more than six.
    """
    sealed = _sealed_bytes(plain_bytes, encoding)
    return (sealed + 2) // 3 * 4 if encoding.text is SealedText.BASE64 else 2 * sealed


def max_plain_bytes(chars: int, encoding: Encoding) -> int:
    """The most plain bytes whose sealed text has at most `chars` characters; 0 where not even one byte fits."""
    sealed = chars // 4 * 3 if encoding.text is SealedText.BASE64 else chars // 2
    if not encoding.is_der:
        return max(0, sealed - _overhead(encoding))
    return max(0, bisect_right(range(sealed + 1), sealed, key=lambda plain: _sealed_bytes(plain, encoding)) - 1)


def write(parts: Parts, encoding: Encoding) -> str:
    """The sealed text of these parts."""
    sealed = sequence_of(parts) if encoding.is_der else _joined(parts, encoding)
    if encoding.text is SealedText.BASE64:
        return base64.b64encode(sealed).decode("ascii")
    return sealed.hex().upper() if encoding.text is SealedText.UPPER_HEX else sealed.hex()


def _joined(parts: Parts, encoding: Encoding) -> bytes:
    tail = (parts.c3, parts.c2) if encoding.order is Order.C1C3C2 else (parts.c2, parts.c3)
    return b"".join((_PREFIX if encoding.prefix else b"", parts.c1, *tail))


def sequence_of(parts: Parts) -> bytes:
    """The SEQUENCE of GM/T 0009, as OpenSSL reads and writes it."""
    x, y = (int.from_bytes(half, "big") for half in (parts.c1[:COORDINATE_BYTES], parts.c1[COORDINATE_BYTES:]))
    digest, cipher = der.element(der.OCTET_STRING, parts.c3), der.element(der.OCTET_STRING, parts.c2)
    return der.element(der.SEQUENCE, der.natural(x), der.natural(y), digest, cipher)


def parts_of(sealed: bytes) -> Parts:
    """A SEQUENCE taken apart; x and y lose their leading zeros in it and get them back here. Raises NotDer, and OverflowError for a
    number that is no coordinate.
    """
    outer = der.Reader(sealed)
    sequence = outer.enter()
    x, y = sequence.natural(), sequence.natural()
    c3, c2 = sequence.take(der.OCTET_STRING), sequence.take(der.OCTET_STRING)
    sequence.end()
    outer.end()
    return Parts(c1=x.to_bytes(COORDINATE_BYTES, "big") + y.to_bytes(COORDINATE_BYTES, "big"), c3=c3, c2=c2)


def read(text: str, encoding: Encoding) -> Parts:
    """The parts of a sealed text in exactly this layout. Raises SealBroken: not such a text, too short, 04 missing."""
    sealed = _bytes(text, encoding.text)
    if encoding.is_der:
        return _read_sequence(sealed)
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


def _read_sequence(sealed: bytes) -> Parts:
    try:
        parts = parts_of(sealed)
    except (der.NotDer, OverflowError) as error:
        raise SealBroken(f"a sealed text of {len(sealed)} bytes is no SEQUENCE of x, y, C3 and C2") from error
    if len(parts.c3) != _DIGEST_BYTES or not parts.c2:
        raise SealBroken("a sealed text has no digest, or no content")
    return parts


def _bytes(text: str, form: SealedText) -> bytes:
    try:
        return base64.b64decode(text, validate=True) if form is SealedText.BASE64 else binascii.unhexlify(text)
    except ValueError as error:  # also characters outside ASCII
        raise SealBroken(f"a sealed text of {len(text)} characters is not {form}") from error

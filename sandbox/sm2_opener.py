"""Opens sealed texts without OpenSSL, for the platform simulator: the other side must not share a fault with ours.

The curve is `sm2_curve`'s, which tests hold against gmssl's, the digest hashlib's SM3. gmssl's own `decrypt` is not used: it never
compares C3, so that an altered amount opens silently, accepts points off the curve and returns None where the key stream is zero.
"""

import base64
import hashlib
import hmac
import re
from enum import StrEnum
from typing import Final

from sandbox.sm2_curve import N, multiply, on_curve
from streams.errors import Misconfigured, Rejected
from streams.seal import Encoding, Order, SealedText

_SIZE: Final = 32
_PRIVATE: Final = re.compile(r"[0-9a-fA-F]{64}")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+|(?:[0-9A-F]{2})+")
_UPPER_HEX: Final = re.compile(r"(?:[0-9A-F]{2})+")


class Unopened(StrEnum):
    """Why a sealed text did not open."""

    BAD_TEXT = "bad_text"
    BAD_LENGTH = "bad_length"
    NOT_ON_CURVE = "not_on_curve"
    C3_MISMATCH = "c3_mismatch"


class CannotOpen(Rejected):
    """A sealed text that does not open in the configured form; `kind` says why."""

    def __init__(self, kind: Unopened, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class GmOpener:
    """Opens what was sealed for one private key. About 3 ms a text, most of it one multiplication on the curve."""

    def __init__(self, private_key_hex: str) -> None:
        """Take the key as exactly 64 hex characters. Raises Misconfigured for anything else, and where Python has no SM3."""
        if not _PRIVATE.fullmatch(private_key_hex) or not 1 <= int(private_key_hex, 16) < N - 1:
            raise Misconfigured("the platform's private key must be 64 hex characters and in range for SM2")
        if "sm3" not in hashlib.algorithms_available:
            raise Misconfigured("this Python has no SM3, which the simulator needs; use a Python built with OpenSSL 1.1.1 or newer")
        self._d = int(private_key_hex, 16)

    def open(self, text: str, encoding: Encoding) -> bytes:
        """The plain bytes of `text`, which must be in exactly this form. Raises CannotOpen."""
        sealed = _decode(text, encoding.text)
        if encoding.order is Order.ASN1:
            c1, c3, c2 = _asn1(sealed)
            return self._decrypt(c1, c3=c3, c2=c2)
        if encoding.prefix:
            if sealed[:1] != b"\x04":
                raise CannotOpen(Unopened.BAD_TEXT, "the first byte is not 04")
            sealed = sealed[1:]
        if len(sealed) <= 3 * _SIZE:
            raise CannotOpen(Unopened.BAD_LENGTH, f"{len(sealed)} bytes hold no content: C1 and C3 alone are {3 * _SIZE}")
        c1, tail = sealed[: 2 * _SIZE], sealed[2 * _SIZE :]
        if encoding.order is Order.C1C3C2:
            return self._decrypt(c1, c3=tail[:_SIZE], c2=tail[_SIZE:])
        return self._decrypt(c1, c3=tail[-_SIZE:], c2=tail[:-_SIZE])

    def _decrypt(self, c1: bytes, *, c3: bytes, c2: bytes) -> bytes:
        x, y = int.from_bytes(c1[:_SIZE], "big"), int.from_bytes(c1[_SIZE:], "big")
        if not on_curve(x, y):
            raise CannotOpen(Unopened.NOT_ON_CURVE, "C1 is not a point of the curve: another order of the parts, or altered")
        shared = multiply(self._d, (x, y))
        if shared is None:
            raise CannotOpen(Unopened.NOT_ON_CURVE, "C1 multiplied by the key is the point at infinity")
        secret = b"".join(coordinate.to_bytes(_SIZE, "big") for coordinate in shared)
        stream = _key_stream(secret, len(c2))
        if not any(stream):
            raise CannotOpen(Unopened.C3_MISMATCH, "the key stream is zero")
        plain = (int.from_bytes(c2, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(c2), "big")
        if not hmac.compare_digest(c3, _sm3(secret[:_SIZE] + plain + secret[_SIZE:])):
            raise CannotOpen(Unopened.C3_MISMATCH, "C3 does not match: altered, another key, or another order of the parts")
        return plain


def _decode(text: str, form: SealedText) -> bytes:
    try:
        if form is SealedText.BASE64:
            return base64.b64decode(text, validate=True)
        if (_UPPER_HEX if form is SealedText.UPPER_HEX else _HEX).fullmatch(text):
            return bytes.fromhex(text)
    except ValueError as error:
        raise CannotOpen(Unopened.BAD_TEXT, f"{len(text)} characters are not {form}") from error
    raise CannotOpen(Unopened.BAD_TEXT, f"{len(text)} characters are not {form}")


def _asn1(sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """C1, C3 and C2 of a SEQUENCE of two numbers and two strings, with nothing behind it."""
    content, rest = _element(sealed, 0x30)
    coordinates = []
    for _ in range(2):
        number, content = _element(content, 0x02)
        if not number or number[0] >= 0x80 or len(number.lstrip(b"\0")) > _SIZE:
            raise CannotOpen(Unopened.BAD_LENGTH, "x or y is no number of a coordinate")
        coordinates.append(number.lstrip(b"\0").rjust(_SIZE, b"\0"))
    c3, content = _element(content, 0x04)
    c2, content = _element(content, 0x04)
    if rest or content or len(c3) != _SIZE or not c2:
        raise CannotOpen(Unopened.BAD_LENGTH, "the SEQUENCE does not hold x, y, C3 and C2 and nothing else")
    return b"".join(coordinates), c3, c2


def _element(content: bytes, tag: int) -> tuple[bytes, bytes]:
    """What stands in the first element, and what stands behind it."""
    if len(content) < 2 or content[0] != tag:
        raise CannotOpen(Unopened.BAD_TEXT, f"no element {tag:#04x} where one belongs")
    more = content[1] & 0x7F if content[1] >= 0x80 else 0
    size = int.from_bytes(content[2 : 2 + more], "big") if more else content[1]
    begin = 2 + more
    if len(content) < begin + size:
        raise CannotOpen(Unopened.BAD_LENGTH, "the SEQUENCE is cut off")
    return content[begin : begin + size], content[begin + size :]


def _sm3(content: bytes) -> bytes:
    return hashlib.new("sm3", content).digest()


def _key_stream(secret: bytes, size: int) -> bytes:
    """The KDF of GB/T 32918.4 §5.4.3: SM3 of the shared point and a counter from 1, cut to `size` bytes."""
    begun, blocks = hashlib.new("sm3", secret), []
    for counter in range(1, size // _SIZE + 2):
        block = begun.copy()
        block.update(counter.to_bytes(4, "big"))
        blocks.append(block.digest())
    return b"".join(blocks)[:size]

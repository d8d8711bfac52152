"""SM2 keys as values, and how they are written out."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from streams.errors import Misconfigured
from streams.seal import der
from streams.seal.curve import COORDINATE_BYTES, N, on_curve
from streams.seal.openssl import Handle

_EC: Final = der.element(der.OID, bytes.fromhex("2a8648ce3d0201"))
_SM2: Final = der.element(der.OID, bytes.fromhex("2a811ccf5501822d"))
ALGORITHM: Final = der.element(der.SEQUENCE, _EC, _SM2)
"""AlgorithmIdentifier of an SM2 key: an elliptic-curve key on sm2p256v1."""

_FINGERPRINT_CHARS: Final = 32


@dataclass(frozen=True, kw_only=True)
class PublicKey:
    """A point of the curve. Making one that is off the curve raises Misconfigured."""

    x: int
    y: int

    def __post_init__(self) -> None:
        if not on_curve(self.x, self.y):
            raise Misconfigured("the public key is not a point of the SM2 curve; it was altered on its way, ask for it again")

    @classmethod
    def from_point(cls, point: bytes) -> "PublicKey":
        """From 64 bytes: x, then y."""
        return cls(x=int.from_bytes(point[:COORDINATE_BYTES], "big"), y=int.from_bytes(point[COORDINATE_BYTES:], "big"))

    @cached_property
    def point(self) -> bytes:
        """04, x, y: 65 bytes."""
        return b"\x04" + self.x.to_bytes(COORDINATE_BYTES, "big") + self.y.to_bytes(COORDINATE_BYTES, "big")

    @cached_property
    def fingerprint(self) -> str:
        """What a person compares and a log may hold: the first 128 bits of the point's SHA-256, in lower hex."""
        return hashlib.sha256(self.point).hexdigest()[:_FINGERPRINT_CHARS]

    @property
    def hex(self) -> str:
        """130 hex characters, 04 first."""
        return self.point.hex()

    @property
    def compressed(self) -> str:
        """66 hex characters, 02 or 03 first."""
        return f"{2 + self.y % 2:02x}{self.x:064x}"

    @cached_property
    def spki(self) -> bytes:
        """X.509 SubjectPublicKeyInfo."""
        return der.element(der.SEQUENCE, ALGORITHM, der.element(der.BIT_STRING, b"\x00", self.point))

    @property
    def pem(self) -> str:
        """The same between PEM lines."""
        return _pem("PUBLIC KEY", self.spki)


@dataclass(frozen=True, kw_only=True)
class PrivateKey:
    """A number in [1, n-1) and its public key. Neither its text form nor an error about it shows the number.

    Making one with a number out of range raises Misconfigured.
    """

    d: int = field(repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.d < N - 1:
            raise Misconfigured("the private key is out of range for SM2; it was altered on its way, ask for it again")

    @cached_property
    def public(self) -> PublicKey:
        """The public key that belongs to it."""
        return PublicKey.from_point(Handle.private(self._pkcs8(b"")).spki()[-2 * COORDINATE_BYTES :])

    @property
    def fingerprint(self) -> str:
        """That of its public key: both halves of a pair show the same."""
        return self.public.fingerprint

    @cached_property
    def pkcs8(self) -> bytes:
        """PKCS#8 PrivateKeyInfo, not encrypted, the public key inside."""
        return self._pkcs8(der.element(0xA1, der.element(der.BIT_STRING, b"\x00", self.public.point)))

    @property
    def pem(self) -> str:
        """The same between PEM lines. A secret: for a file with mode 0600 only."""
        return _pem("PRIVATE KEY", self.pkcs8)

    def _pkcs8(self, public: bytes) -> bytes:
        number = der.element(der.OCTET_STRING, self.d.to_bytes(COORDINATE_BYTES, "big"))
        sec1 = der.element(der.SEQUENCE, der.natural(1), number, public)
        return der.element(der.SEQUENCE, der.natural(0), ALGORITHM, der.element(der.OCTET_STRING, sec1))


def generate_key_pair() -> PrivateKey:
    """A new private key from the system's random source; its `.public` is the other half."""
    return PrivateKey(d=1 + secrets.randbelow(N - 2))


def _pem(kind: str, content: bytes) -> str:
    text = base64.b64encode(content).decode("ascii")
    lines = (text[at : at + 64] for at in range(0, len(text), 64))
    return "\n".join((f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""))

"""Sealing and opening: OpenSSL's DER ciphertext on one side, the platform's text on the other."""

from streams.errors import Fatal, Rejected
from streams.seal import der
from streams.seal.curve import COORDINATE_BYTES
from streams.seal.encoding import Encoding, Parts, SealBroken, read, write
from streams.seal.keys import PrivateKey, PublicKey
from streams.seal.openssl import Handle


class Sealer:
    """Seals for one public key in one layout. May be used from several threads at once.

    SM2 encryption authenticates nobody: who has the public key can seal anything.
    """

    __slots__ = ("_handle", "encoding", "fingerprint")

    def __init__(self, key: PublicKey, encoding: Encoding) -> None:
        """Take the key into OpenSSL. Raises Misconfigured where OpenSSL 3 with SM2 is missing."""
        self._handle = Handle.public(key.spki)
        self.encoding = encoding
        self.fingerprint = key.fingerprint

    def seal(self, plain: bytes) -> str:
        """The sealed text of `plain`, `sealed_chars(len(plain), encoding)` characters long, another one each time.

        Releases the interpreter lock: about 1 ms for 24 kB. Raises Rejected for empty bytes, Fatal when OpenSSL fails.
        """
        if not plain:
            raise Rejected("there is nothing to seal: SM2 has no ciphertext of empty content")
        parts = _parts(self._handle.encrypt(plain))
        if len(parts.c2) != len(plain):
            raise Fatal(f"OpenSSL sealed {len(plain)} bytes into {len(parts.c2)}; nothing is sent")
        return write(parts, self.encoding)


def open_sealed(private: PrivateKey, text: str, encoding: Encoding) -> bytes:
    """The plain bytes of a sealed text in exactly this layout.

    Raises SealBroken where it has another layout, was altered (C3 tells) or was sealed for another key.
    """
    parts = read(text, encoding)
    plain = Handle.private(private.pkcs8).decrypt(_sequence(parts))
    if plain is None:
        raise SealBroken(f"a sealed text does not open as {encoding} with key {private.fingerprint}: altered, or not for it")
    return plain


def _parts(sealed: bytes) -> Parts:
    """OpenSSL's SEQUENCE taken apart; x and y lose their leading zeros in it and get them back here."""
    try:
        outer = der.Reader(sealed)
        sequence = outer.enter()
        x, y = sequence.natural(), sequence.natural()
        c3, c2 = sequence.take(der.OCTET_STRING), sequence.take(der.OCTET_STRING)
        sequence.end()
        outer.end()
        c1 = x.to_bytes(COORDINATE_BYTES, "big") + y.to_bytes(COORDINATE_BYTES, "big")
    except (der.NotDer, OverflowError) as error:
        raise Fatal("OpenSSL returned an SM2 ciphertext that is not the SEQUENCE of GM/T 0009; nothing is sent") from error
    return Parts(c1=c1, c3=c3, c2=c2)


def _sequence(parts: Parts) -> bytes:
    x = int.from_bytes(parts.c1[:COORDINATE_BYTES], "big")
    y = int.from_bytes(parts.c1[COORDINATE_BYTES:], "big")
    c3, c2 = der.element(der.OCTET_STRING, parts.c3), der.element(der.OCTET_STRING, parts.c2)
    return der.element(der.SEQUENCE, der.natural(x), der.natural(y), c3, c2)

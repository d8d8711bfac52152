"""Sealing and opening: OpenSSL's DER ciphertext on one side, the platform's text on the other."""

from streams.errors import Fatal, Rejected
from streams.seal import der
from streams.seal.encoding import Encoding, Parts, SealBroken, parts_of, read, sequence_of, write
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
        """The sealed text of `plain`, another each time. It has `sealed_chars(len(plain), encoding)` characters, in ASN1 at most.

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
    plain = Handle.private(private.pkcs8).decrypt(sequence_of(read(text, encoding)))
    if plain is None:
        raise SealBroken(f"a sealed text does not open as {encoding} with key {private.fingerprint}: altered, or not for it")
    return plain


def _parts(sealed: bytes) -> Parts:
    try:
        return parts_of(sealed)
    except (der.NotDer, OverflowError) as error:
        raise Fatal("OpenSSL returned an SM2 ciphertext that is not the SEQUENCE of GM/T 0009; nothing is sent") from error

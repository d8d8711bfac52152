"""The known-answer test: ciphertexts of other implementations must open, and what is sealed here must open again."""

import json
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from streams.errors import Fatal
from streams.seal.encoding import ENCODINGS, Encoding, Order, SealBroken, SealedText
from streams.seal.keyforms import parse_private_key
from streams.seal.keys import PrivateKey
from streams.seal.sealer import Sealer, open_sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """A ciphertext whose content is known."""

    source: str
    """The implementation that made it."""
    key: PrivateKey
    """A published test key."""
    encoding: Encoding
    sealed: str
    plain: bytes


@cache
def known_answers() -> tuple[KnownAnswer, ...]:
    """All known answers: BouncyCastle and gmssl in both orders, OpenSSL's SEQUENCE, Hutool in Base64."""
    vectors = json.loads(files("streams.seal").joinpath("data", "sm2_vectors.json").read_text(encoding="utf-8"))
    key, plain = parse_private_key(vectors["key"]["d"]), vectors["plaintext_utf8"].encode()
    hexes = (
        ("BouncyCastle", Encoding(order=Order.C1C3C2), "C1C3C2_04_hex_bc"),
        ("BouncyCastle", Encoding(order=Order.C1C2C3), "C1C2C3_04_hex_bc"),
        ("gmssl", Encoding(order=Order.C1C3C2, prefix=False), "gmssl322_C1C3C2_no04_hex"),
        ("gmssl", Encoding(order=Order.C1C2C3, prefix=False), "gmssl322_C1C2C3_no04_hex"),
        ("OpenSSL", Encoding(order=Order.ASN1), "openssl_asn1_C1C3C2_hex"),
    )
    hutool = vectors["hutool_vector"]
    return (
        *(KnownAnswer(source=who, key=key, encoding=how, sealed=vectors[name], plain=plain) for who, how, name in hexes),
        KnownAnswer(
            source="Hutool",
            key=parse_private_key(hutool["private_key_sec1_b64"]),
            encoding=Encoding(order=Order.C1C2C3, prefix=False, text=SealedText.BASE64),
            sealed=hutool["cipher_b64"],
            plain=hutool["plaintext"].encode(),
        ),
    )


def self_test() -> None:
    """Prove SM2 on this machine in about 10 ms: to be run before the first record is sealed.

    Raises Misconfigured where OpenSSL 3 with SM2 is missing, Fatal where it gives a wrong answer.
    """
    for known in known_answers():
        _expect(known, f"{known.source}'s ciphertext")
    sample = known_answers()[0]
    for encoding in ENCODINGS:
        sealed = Sealer(sample.key.public, encoding).seal(sample.plain)
        _expect(replace(sample, encoding=encoding, sealed=sealed), f"our own ciphertext as {encoding}")


def _expect(known: KnownAnswer, what: str) -> None:
    try:
        opened = open_sealed(known.key, known.sealed, known.encoding)
    except SealBroken:
        opened = b""
    if opened != known.plain:
        raise Fatal(f"the SM2 self-test failed: {what} does not open; this OpenSSL must not seal anything, install another build")

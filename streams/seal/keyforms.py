"""Reading the keys that people are mailed, in every form they come in.

Hex of a number or point, Base64 or hex of DER, PEM; with line breaks (also such that are written as backslash and n), byte-order
marks, `0x`, lost or extra leading zeros, and the curve by its name or by its numbers. What cannot be a key is refused by its length
and kind; no error ever shows any of the text.
"""

import base64
import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from streams.errors import Misconfigured
from streams.seal import der
from streams.seal.curve import BASE, COORDINATE_BYTES, A, B, N, P, lift
from streams.seal.keys import ALGORITHM, PrivateKey, PublicKey

_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_BLANK: Final = re.compile(r"[\s\ufeff\u200b\u200c\u200d\u2060]+")
_WRITTEN_BREAK: Final = re.compile(r"\\r\\n|\\[nr]")
"""A line break as JSON and environment files write it."""
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_POINT_BYTES: Final = 2 * COORDINATE_BYTES
_NUMBER_CHARS: Final = 2 * COORDINATE_BYTES
# By chance a number loses 8 hex digits to zeros once in 4 billion keys; a shorter text was cut.
_SHORTEST_NUMBER_CHARS: Final = _NUMBER_CHARS - 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadKey:
    """A key and the form it came in, in words."""

    key: PublicKey | PrivateKey
    form: str


def read_key(text: str) -> ReadKey:
    """The key in `text`, public or private. Raises Misconfigured saying what was found instead."""
    if "-----" in text:
        text = _WRITTEN_BREAK.sub("\n", text)
    blocks = [(str(kind), str(body)) for kind, body in _PEM.findall(text)]
    if blocks:
        return _from_pem(blocks)
    if "-----" in text:
        raise Misconfigured("the key has a PEM line but no complete block; take the text from the BEGIN line to the END line")
    bare = _BLANK.sub("", text)
    bare = bare.removeprefix("0x").removeprefix("0X")
    if not bare:
        raise Misconfigured("the key is empty; a key has 64 (private) or 130 (public) hex characters, or is Base64 or PEM")
    if _HEX.fullmatch(bare):
        return _from_hex(bare)
    return _from_bytes(_base64(bare), "Base64")


def key_text(content: bytes) -> str:
    """The content of a key file as text for the functions here: UTF-8, UTF-16 as Windows editors save it, or DER (as hex)."""
    if content[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        return content.decode("utf-16", "replace")
    if content[:1] == b"\x30" and not content.isascii():
        return content.hex()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{len(content)} bytes are neither text nor DER; is this a key file?") from error


def parse_public_key(text: str) -> PublicKey:
    """The public key in `text`. Raises Misconfigured for anything else, a private key included."""
    found = read_key(text)
    if isinstance(found.key, PublicKey):
        return found.key
    raise Misconfigured(f"a public key is wanted here, this is a private one ({found.form}): keep it secret, give the other")


def parse_private_key(text: str) -> PrivateKey:
    """The private key in `text`. Raises Misconfigured for anything else, a public key included."""
    found = read_key(text)
    if isinstance(found.key, PrivateKey):
        return found.key
    raise Misconfigured(f"a private key is wanted here, this is a public one ({found.form})")


_PEM_READERS: Final[dict[str, Callable[[bytes], ReadKey]]] = {
    "PUBLIC KEY": lambda content: ReadKey(key=_spki(content), form="PEM of X.509"),
    "PRIVATE KEY": lambda content: ReadKey(key=_pkcs8(content), form="PEM of PKCS#8"),
    "EC PRIVATE KEY": lambda content: ReadKey(key=_sec1(content), form="PEM of SEC1"),
}


def _from_pem(blocks: list[tuple[str, str]]) -> ReadKey:
    keys = [(kind, body) for kind, body in blocks if kind != "EC PARAMETERS"]
    if len(keys) != 1:
        raise Misconfigured(f"{len(keys)} PEM blocks where one key is wanted ({', '.join(kind for kind, _ in keys)}); keep one")
    kind, body = keys[0]
    reader = _PEM_READERS.get(kind)
    if reader is None:
        raise Misconfigured(f"a PEM block {kind} is not a plain key; wanted: {', '.join(_PEM_READERS)}")
    if ":" in body:
        raise Misconfigured("the key is encrypted with a password; decrypt it (openssl pkey) into a file with mode 0600")
    return reader(_base64(_BLANK.sub("", body)))


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except ValueError as error:
        raise Misconfigured(f"a text of {len(text)} characters is neither hex nor Base64; is it a whole key?") from error


def _from_hex(text: str) -> ReadKey:
    size = len(text)
    if size == 2 * _POINT_BYTES + 2 and text.startswith("04"):
        return ReadKey(key=_point(bytes.fromhex(text)), form="hex of a point with 04")
    if size == 2 * _POINT_BYTES:
        return ReadKey(key=_point(b"\x04" + bytes.fromhex(text)), form="hex of a point without 04")
    if size == _NUMBER_CHARS + 2 and text[:2] in {"02", "03"}:
        return ReadKey(key=_point(bytes.fromhex(text)), form="hex of a compressed point")
    if size % 2 == 0 and text.startswith("30") and size > _NUMBER_CHARS:
        return _from_bytes(bytes.fromhex(text), "hex")
    number = text.lstrip("0")
    if _SHORTEST_NUMBER_CHARS <= len(number) <= _NUMBER_CHARS:
        form = "hex of a number"
        if size != _NUMBER_CHARS:
            form += f" of {size} instead of 64 characters ({'lost' if size < _NUMBER_CHARS else 'extra'} leading zeros)"
        return ReadKey(key=PrivateKey(d=int(number, 16)), form=form)
    raise Misconfigured(
        f"{size} hex characters are no SM2 key: a private one has 64, a public one 130 (04 first), 128, or 66 (02 or 03 first); "
        "was it cut, or are there two?"
    )


def _from_bytes(content: bytes, coat: str) -> ReadKey:
    """A key from bytes that came as Base64 or hex: a bare number or point, or one of the three DER forms."""
    match len(content), content[:1]:
        case (65, b"\x04") | (33, b"\x02" | b"\x03"):
            return ReadKey(key=_point(content), form=f"{coat} of a point")
        case (32, _):
            return ReadKey(key=PrivateKey(d=int.from_bytes(content, "big")), form=f"{coat} of a number")
        case (33, b"\x00"):
            number = PrivateKey(d=int.from_bytes(content, "big"))
            return ReadKey(key=number, form=f"{coat} of a number of 33 bytes instead of 32 (a leading zero, as Java writes it)")
        case (size, _) if _SHORTEST_NUMBER_CHARS <= 2 * size < _NUMBER_CHARS and content[:1] != b"\x30":
            number = PrivateKey(d=int.from_bytes(content, "big"))
            return ReadKey(key=number, form=f"{coat} of a number of {size} bytes instead of 32 (lost leading zeros)")
        case (64, _):
            return ReadKey(key=_point(b"\x04" + content), form=f"{coat} of a point without 04")
        case (_, b"\x30"):
            return _from_der(content, coat)
        case _:
            raise Misconfigured(
                f"{len(content)} bytes from {coat} are no SM2 key: neither a number, a point, nor X.509, PKCS#8 or SEC1"
            )


def _from_der(content: bytes, coat: str) -> ReadKey:
    try:
        sequence = der.Reader(content).enter()
        if sequence.tag == der.SEQUENCE:
            return ReadKey(key=_spki(content), form=f"{coat} of X.509")
        version = sequence.natural()
    except der.NotDer as error:
        raise Misconfigured(f"{len(content)} bytes from {coat} look like DER but are not ({error}); was the key cut?") from error
    if version == 0:
        return ReadKey(key=_pkcs8(content), form=f"{coat} of PKCS#8")
    return ReadKey(key=_sec1(content), form=f"{coat} of SEC1")


def _point(content: bytes) -> PublicKey:
    if content[:1] == b"\x04" and len(content) == _POINT_BYTES + 1:
        return PublicKey.from_point(content[1:])
    if content[:1] in {b"\x02", b"\x03"} and len(content) == COORDINATE_BYTES + 1:
        x = int.from_bytes(content[1:], "big")
        y = lift(x, odd=content[0] == 0x03)
        if y is None:
            raise Misconfigured("the public key is not a point of the SM2 curve; it was altered on its way, ask for it again")
        return PublicKey(x=x, y=y)
    raise Misconfigured(f"a point of {len(content)} bytes is no SM2 public key")


def _spki(content: bytes) -> PublicKey:
    try:
        outer = der.Reader(content)
        sequence = outer.enter()
        _algorithm(sequence.take(der.SEQUENCE))
        bits = sequence.take(der.BIT_STRING)
        sequence.end()
        outer.end()
    except der.NotDer as error:
        raise Misconfigured(f"{len(content)} bytes are no X.509 public key ({error}); was it cut?") from error
    return _point(bits[1:])


def _pkcs8(content: bytes) -> PrivateKey:
    try:
        sequence = der.Reader(content).enter()
        sequence.natural()
        _algorithm(sequence.take(der.SEQUENCE))
        inner = sequence.take(der.OCTET_STRING)
    except der.NotDer as error:
        raise Misconfigured(f"{len(content)} bytes are no PKCS#8 private key ({error}); was it cut, or encrypted?") from error
    return _sec1(inner)


def _sec1(content: bytes) -> PrivateKey:
    try:
        sequence = der.Reader(content).enter()
        sequence.natural()  # the version
        number = sequence.take(der.OCTET_STRING)
        if sequence.tag == 0xA0:
            _algorithm_of_curve(sequence.take(0xA0))
        public = sequence.enter(0xA1).take(der.BIT_STRING)[1:] if sequence.tag == 0xA1 else None
        sequence.end()
    except der.NotDer as error:
        raise Misconfigured(f"{len(content)} bytes are no SEC1 private key ({error}); was it cut?") from error
    key = PrivateKey(d=int.from_bytes(number, "big"))
    if public is not None and _point(public) != key.public:
        raise Misconfigured("the private key and the public key stored with it do not belong together; ask for the key again")
    return key


_CURVES: Final = {
    "2a8648ce3d030107": "P-256",
    "2b8104000a": "secp256k1",
    "2b81040022": "P-384",
    "2b81040023": "P-521",
}
_PRIME_FIELD: Final = bytes.fromhex("2a8648ce3d0101")
_RSA: Final = bytes.fromhex("2a864886f70d010101")


def _algorithm(content: bytes) -> None:
    if der.element(der.SEQUENCE, content) == ALGORITHM:
        return
    reader = der.Reader(content)
    algorithm = reader.take(der.OID)
    if algorithm == _RSA:
        raise Misconfigured("this is an RSA key; the platform's keys are SM2")
    _algorithm_of_curve(content[len(der.element(der.OID, algorithm)) :])


def _algorithm_of_curve(content: bytes) -> None:
    if content and ALGORITHM.endswith(content):
        return
    curve = der.Reader(content)
    if curve.tag == der.SEQUENCE:
        if _is_sm2_spelt_out(curve.enter()):
            return
        raise Misconfigured("the key spells out another curve than sm2p256v1 (SM2), on which the platform's keys are")
    name = _CURVES.get(curve.take(der.OID).hex(), "another curve") if curve.tag == der.OID else "no curve that is known"
    raise Misconfigured(f"the key is on {name}; the platform's keys are on sm2p256v1 (SM2)")


def _is_sm2_spelt_out(parameters: der.Reader) -> bool:
    """Whether the numbers of a curve (ECParameters of X9.62) are SM2's: prime, coefficients, base point, order. Raises NotDer."""
    parameters.natural()  # the version
    field = parameters.enter()
    if field.take(der.OID) != _PRIME_FIELD:
        return False
    prime = field.natural()
    coefficients = parameters.enter()
    a, b = (int.from_bytes(coefficients.take(der.OCTET_STRING), "big") for _ in range(2))
    base, order = parameters.take(der.OCTET_STRING), parameters.natural()
    return (prime, a, b, order) == (P, A, B, N) and _point(base) == PublicKey(x=BASE[0], y=BASE[1])

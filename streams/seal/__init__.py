"""Seal: SM2 encryption of a batch into the envelope's `data`. Pure but for OpenSSL; knows nothing of the interface.

`Sealer(parse_public_key(text), Encoding()).seal(plain)` is all that delivery needs; `self_test()` comes before it.
"""

from streams.seal.encoding import ENCODINGS, Encoding, Order, SealBroken, SealedText, max_plain_bytes, sealed_chars
from streams.seal.keyforms import ReadKey, key_text, parse_private_key, parse_public_key, read_key
from streams.seal.keys import PrivateKey, PublicKey, generate_key_pair
from streams.seal.known_answers import self_test
from streams.seal.sealer import Sealer, open_sealed
from streams.seal.second_opinion import opened_by_gmssl

__all__ = [
    "ENCODINGS",
    "Encoding",
    "Order",
    "PrivateKey",
    "PublicKey",
    "ReadKey",
    "SealBroken",
    "SealedText",
    "Sealer",
    "generate_key_pair",
    "key_text",
    "max_plain_bytes",
    "open_sealed",
    "opened_by_gmssl",
    "parse_private_key",
    "parse_public_key",
    "read_key",
    "sealed_chars",
    "self_test",
]

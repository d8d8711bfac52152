"""What is sealed here, opened by another implementation: gmssl, in Python alone, which shares no line with OpenSSL.

It seals nothing: it takes its random numbers from a source that is no secret, and strips characters of a key that begins with 04.
Here it is given the point without them, and a text whose content is known, since it does not look at C3.
"""

from typing import Final

from streams.errors import Fatal
from streams.seal.encoding import Encoding, Order
from streams.seal.keys import PrivateKey
from streams.seal.sealer import Sealer

_LAYOUTS: Final = {0: Encoding(order=Order.C1C2C3, prefix=False), 1: Encoding(order=Order.C1C3C2, prefix=False)}
"""By gmssl's mode."""


def opened_by_gmssl(pair: PrivateKey, plain: bytes) -> None:
    """Seal for a pair and open by gmssl, in both orders. Raises Fatal where another text comes out."""
    from gmssl.sm2 import CryptSM2  # noqa: PLC0415 - only who checks a private key needs it

    for mode, encoding in _LAYOUTS.items():
        other = CryptSM2(private_key=f"{pair.d:064x}", public_key=pair.public.hex[2:], mode=mode)
        sealed = Sealer(pair.public, encoding).seal(plain)
        if other.decrypt(bytes.fromhex(sealed)) != plain:
            raise Fatal(f"gmssl does not open what OpenSSL sealed as {encoding}: nothing may be sealed with this OpenSSL")

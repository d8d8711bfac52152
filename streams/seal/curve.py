"""The curve sm2p256v1 (GB/T 32918.5): its constants, and whether a point lies on it. No secret passes through here."""

from typing import Final

P: Final = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_00000000_FFFFFFFF_FFFFFFFF
A: Final = P - 3
B: Final = 0x28E9FA9E_9D9F5E34_4D5A9E4B_CF6509A7_F39789F5_15AB8F92_DDBCBD41_4D940E93
N: Final = 0xFFFFFFFE_FFFFFFFF_FFFFFFFF_FFFFFFFF_7203DF6B_21C6052B_53BBF409_39D54123
"""Order of the base point. A private key lies in [1, N - 1)."""
BASE: Final = (
    0x32C4AE2C_1F198119_5F990446_6A39C994_8FE30BBF_F2660BE1_715A4589_334C74C7,
    0xBC3736A2_F4F6779C_59BDCEE3_6B692153_D0A9877C_C62A4740_02DF32E5_2139F0A0,
)
"""The base point: x, y."""

COORDINATE_BYTES: Final = 32


def on_curve(x: int, y: int) -> bool:
    """Whether (x, y) is a point of the curve, the point at infinity excluded."""
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x + A) * x - B) % P == 0


def lift(x: int, *, odd: bool) -> int | None:
    """The y of the given oddness over `x`; None where the curve has no point there."""
    if not 0 <= x < P:
        return None
    square = ((x * x + A) * x + B) % P
    root = pow(square, (P + 1) // 4, P)  # P ≡ 3 (mod 4)
    if root * root % P != square:
        return None
    return root if root % 2 == odd else P - root

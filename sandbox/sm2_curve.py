"""The curve of SM2 (GB/T 32918.5) in plain integers, for the side that opens: no code in common with the side that seals.

Jacobian coordinates (x = X/Z², y = Y/Z³, Z = 0 at infinity) and a window of four bits: four times as fast as gmssl, so that a
simulator on the machine of the workers takes little from them. The running time tells of the scalar: never for a key that matters.
"""

from typing import Final, TypeAlias

P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""Field, coefficient (the other is -3) and order."""

_WINDOW: Final = 4

Point: TypeAlias = tuple[int, int]
_Jacobian: TypeAlias = tuple[int, int, int]
_INFINITY: Final[_Jacobian] = (1, 1, 0)


def on_curve(x: int, y: int) -> bool:
    """Whether this is a point of the curve, in its one form."""
    return 0 <= x < P and 0 <= y < P and (y * y - x * x * x + 3 * x - B) % P == 0


def multiply(scalar: int, point: Point) -> Point | None:
    """`point`, which is on the curve, added to itself `scalar` times; None for the point at infinity."""
    multiples = [_INFINITY, (*point, 1)]
    while len(multiples) < 1 << _WINDOW:
        multiples.append(_add(multiples[-1], multiples[1]))
    sum_ = _INFINITY
    for digit in f"{scalar:x}":
        for _ in range(_WINDOW):
            sum_ = _double(sum_)
        sum_ = _add(sum_, multiples[int(digit, 16)])
    return _affine(sum_)


def _affine(point: _Jacobian) -> Point | None:
    x, y, z = point
    if z == 0:
        return None
    inverse = pow(z, -1, P)
    square = inverse * inverse % P
    return x * square % P, y * square * inverse % P


def _double(point: _Jacobian) -> _Jacobian:
    """Also of infinity, and of a point of order two (which this curve has not): both give Z = 0."""
    x, y, z = point
    z2, y2 = z * z % P, y * y % P
    slope = 3 * (x - z2) * (x + z2) % P
    shift = 4 * x * y2 % P
    new_x = (slope * slope - 2 * shift) % P
    return new_x, (slope * (shift - new_x) - 8 * y2 * y2) % P, 2 * y * z % P


def _add(one: _Jacobian, other: _Jacobian) -> _Jacobian:
    (x1, y1, z1), (x2, y2, z2) = one, other
    if z1 == 0:
        return other
    if z2 == 0:
        return one
    z1_2, z2_2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * z2_2 % P, x2 * z1_2 % P
    s1, s2 = y1 * z2_2 * z2 % P, y2 * z1_2 * z1 % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if h == 0:
        return _double(one) if r == 0 else _INFINITY
    h2 = h * h % P
    h3, v = h2 * h % P, u1 * h2 % P
    new_x = (r * r - h3 - 2 * v) % P
    return new_x, (r * (v - new_x) - s1 * h3) % P, z1 * z2 * h % P

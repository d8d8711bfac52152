"""SM2 against gmssl 3.2.2, both ways and in both orders; and why gmssl itself must not seal anything."""

import pytest
from gmssl.sm2 import CryptSM2
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox.sm2_curve import P, multiply, on_curve
from streams.seal import Encoding, Order, PrivateKey, SealBroken, Sealer, open_sealed
from streams.seal.curve import N
from streams.seal.known_answers import known_answers

PAIR = known_answers()[0].key
PLAIN = '[{"PSN_NAME":"张三","MEDFEE_SUMAMT":"100.00"}]'.encode()
# gmssl's docstring has the two modes the other way round for the default: 0 is C1C2C3.
BOTH_ORDERS = pytest.mark.parametrize(("order", "mode"), [(Order.C1C2C3, 0), (Order.C1C3C2, 1)])


def gmssl(mode: int, pair: PrivateKey = PAIR) -> CryptSM2:
    """gmssl with the key as it must be given: the point without 04, since it strips characters and not a prefix."""
    return CryptSM2(private_key=f"{pair.d:064x}", public_key=pair.public.hex[2:], mode=mode)


@BOTH_ORDERS
def test_gmssl_opens_what_is_sealed_here(order, mode):
    """A platform written in Python."""
    sealed = Sealer(PAIR.public, Encoding(order=order, prefix=False)).seal(PLAIN)
    assert gmssl(mode).decrypt(bytes.fromhex(sealed)) == PLAIN


@BOTH_ORDERS
def test_what_gmssl_seals_opens_here(order, mode):
    """And the other way."""
    sealed = gmssl(mode).encrypt(PLAIN).hex()
    assert open_sealed(PAIR, sealed, Encoding(order=order, prefix=False)) == PLAIN


def test_gmssl_mangles_a_prefixed_key_whose_point_begins_with_0_or_4():
    """`lstrip("04")` strips characters: one key in eight loses digits, and what it then seals opens nowhere, without an error."""
    d = next(d for d in range(2, N) if PrivateKey(d=d).public.hex[2] in "04")
    pair = PrivateKey(d=d)
    prefixed = CryptSM2(private_key=f"{d:064x}", public_key=pair.public.hex, mode=1)
    assert len(prefixed.public_key) < 128
    with pytest.raises(SealBroken):
        open_sealed(pair, prefixed.encrypt(PLAIN).hex(), Encoding(prefix=False))
    assert open_sealed(pair, Sealer(pair.public, Encoding()).seal(PLAIN), Encoding()) == PLAIN


def test_gmssl_opens_an_altered_amount_without_an_error():
    """It never compares C3: the reason why the simulator checks by itself."""
    raw = bytearray(bytes.fromhex(Sealer(PAIR.public, Encoding(prefix=False)).seal(PLAIN)))
    raw[64 + 32 + PLAIN.index(b"100.00")] ^= ord("1") ^ ord("9")
    assert b"900.00" in gmssl(1).decrypt(bytes(raw))
    with pytest.raises(SealBroken):
        open_sealed(PAIR, raw.hex(), Encoding(prefix=False))


def point_of(pair: PrivateKey) -> tuple[int, int]:
    """The public key as coordinates."""
    digits = pair.public.hex[2:]
    return int(digits[:64], 16), int(digits[64:], 16)


@given(st.integers(1, N - 1), st.integers(1, N - 1))
@example(1, 1)
@example(N - 1, 1)
@example(N - 2, N - 1)
@settings(max_examples=40, deadline=None)
def test_the_simulators_curve_is_gmssls(scalar, d):
    """The simulator opens with arithmetic of its own: it must be the same curve, or it would judge by another standard."""
    x, y = point_of(PrivateKey(d=d)) if d < N - 1 else point_of(PAIR)
    found = multiply(scalar, (x, y))
    assert found is not None
    assert on_curve(*found)
    assert f"{found[0]:064x}{found[1]:064x}" == gmssl(1)._kg(scalar, f"{x:064x}{y:064x}")


def test_the_simulators_curve_ends_where_its_order_says():
    """The point at infinity and what lies around it are where such arithmetic goes wrong."""
    point = point_of(PAIR)
    assert (None, None, point) == (multiply(0, point), multiply(N, point), multiply(N + 1, point))
    assert (point[0], P - point[1]) == multiply(N - 1, point)
    assert not on_curve(point[0], point[1] + 1)
    assert not on_curve(point[0] + P, point[1])

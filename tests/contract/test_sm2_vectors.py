"""SM2 against ciphertexts of other implementations: BouncyCastle, gmssl, Hutool, OpenSSL's own DER."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.sm2_opener import CannotOpen, GmOpener, Unopened
from streams.errors import Fatal, Misconfigured, Rejected
from streams.seal import (
    ENCODINGS,
    Encoding,
    Order,
    SealBroken,
    SealedText,
    Sealer,
    generate_key_pair,
    known_answers,
    open_sealed,
    openssl,
    parse_private_key,
    parse_public_key,
    sealed_chars,
    self_test,
)

VECTORS = json.loads(files("streams.seal").joinpath("data", "sm2_vectors.json").read_text(encoding="utf-8"))
KNOWN = known_answers.known_answers()
EVERY_KNOWN = pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.source} {known.encoding}")
EVERY_ENCODING = pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
PAIR = KNOWN[0].key
OPENER = GmOpener(f"{PAIR.d:064x}")


@EVERY_KNOWN
def test_what_other_implementations_sealed_opens_by_openssl(known):
    """One wrong byte of layout or KDF and nothing in the field opens."""
    assert known.plain == open_sealed(known.key, known.sealed, known.encoding)


@EVERY_KNOWN
def test_what_other_implementations_sealed_opens_in_the_simulator(known):
    """The simulator is the second opinion: it must agree with them, not only with us."""
    assert known.plain == GmOpener(f"{known.key.d:064x}").open(known.sealed, known.encoding)


def test_all_vectors_are_used():
    """A vector that nobody opens proves nothing."""
    ciphertexts = {name for name in VECTORS if name.endswith(("_bc", "_hex"))} | {"hutool_vector"}
    assert len(ciphertexts) == 6
    assert len(KNOWN) == 6


def test_the_vectors_keys_are_one_pair_in_all_their_forms():
    """Java's forms of one key: number, number with a sign byte, PKCS#8; point, compressed point, X.509."""
    key = VECTORS["key"]
    assert {PAIR} == {parse_private_key(key[form]) for form in ("d", "d_toByteArray", "pkcs8_b64")}
    assert {PAIR.public} == {parse_public_key(key[form]) for form in ("q", "qc", "x509_b64")}
    assert key["x509_b64"] == base64.b64encode(PAIR.public.spki).decode()


@EVERY_ENCODING
@pytest.mark.parametrize("size", [1, 2, 31, 32, 33, 64, 1000, 24_903, 37_403])
def test_what_is_sealed_opens_on_both_sides(encoding, size):
    """Every layout, sizes around the KDF's blocks and the envelope's limits."""
    plain = bytes(at * 7 % 251 for at in range(size))
    sealed = Sealer(PAIR.public, encoding).seal(plain)
    assert plain == open_sealed(PAIR, sealed, encoding)
    assert plain == OPENER.open(sealed, encoding)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=300), st.sampled_from(ENCODINGS))
def test_whatever_is_sealed_opens_on_both_sides_under_a_new_key(plain, encoding):
    """Keys and points with leading zero bytes included: they come once in 256."""
    pair = generate_key_pair()
    sealed = Sealer(pair.public, encoding).seal(plain)
    assert plain == open_sealed(pair, sealed, encoding) == GmOpener(f"{pair.d:064x}").open(sealed, encoding)


def test_points_with_leading_zeros_keep_their_32_bytes():
    """DER drops leading zeros of x and y: about one ciphertext in 128, and each would be a byte short."""
    sealer = Sealer(PAIR.public, Encoding())
    texts = (sealer.seal(b"[]") for _ in range(5000))
    text = next(text for text in texts if "00" in (text[2:4], text[66:68]))
    assert len(text) == 2 * (97 + 2)
    assert b"[]" == OPENER.open(text, Encoding()) == open_sealed(PAIR, text, Encoding())


def test_hex_in_upper_case_is_the_same_bytes_and_some_platforms_open_no_other():
    """And others take either."""
    sealed = Sealer(PAIR.public, Encoding(text=SealedText.UPPER_HEX)).seal(b"[]")
    assert sealed == sealed.upper() != sealed.lower()
    assert b"[]" == OPENER.open(sealed, Encoding(text=SealedText.UPPER_HEX)) == OPENER.open(sealed, Encoding())
    assert b"[]" == open_sealed(PAIR, sealed.lower(), Encoding(text=SealedText.UPPER_HEX))
    with pytest.raises(CannotOpen):
        OPENER.open(sealed.lower(), Encoding(text=SealedText.UPPER_HEX))


def test_numbers_of_a_sequence_are_as_short_as_they_can_be_and_open():
    """A coordinate that begins with zeros, or with a bit that would be a sign, has another length: every second one."""
    encoding = Encoding(order=Order.ASN1)
    sealer, lengths = Sealer(PAIR.public, encoding), set()
    for _ in range(2000):
        sealed = sealer.seal(b"[]")
        lengths.add(len(sealed))
        if len(sealed) < max(lengths) - 4:
            assert b"[]" == OPENER.open(sealed, encoding) == open_sealed(PAIR, sealed, encoding)
    assert len(lengths) > 2
    assert max(lengths) == sealed_chars(2, encoding)


@pytest.mark.parametrize("end", [0, 1, 30, -3])
def test_a_sequence_that_was_cut_or_goes_on_opens_nowhere(end):
    """A column that was too short, or two texts in one."""
    encoding = Encoding(order=Order.ASN1)
    sealed = Sealer(PAIR.public, encoding).seal(b"[1]")
    wrong = sealed[: 2 * end] if end else f"{sealed}00"
    with pytest.raises(SealBroken):
        open_sealed(PAIR, wrong, encoding)
    with pytest.raises(CannotOpen):
        OPENER.open(wrong, encoding)


def test_the_same_content_never_seals_twice_alike():
    """Equal ciphertexts would mean a repeated ephemeral key, which gives the content away."""
    sealer = Sealer(PAIR.public, Encoding())
    assert len({sealer.seal(b"[]")[:130] for _ in range(50)}) == 50


def positions(encoding: Encoding, raw: bytes, size: int) -> dict[str, int]:
    """Where a byte of each part stands."""
    if encoding.is_der:  # the last ones from behind: the numbers before them are of 32 bytes, or of one more or less
        return {"x": 15, "y": len(raw) - size - 2 - 34 - 5, "C3": len(raw) - size - 2 - 3, "C2": len(raw) - size // 2}
    start = 1 if encoding.prefix else 0
    c3, c2 = (64, 96) if encoding.order is Order.C1C3C2 else (64 + size, 64)
    return {"x": start + 5, "y": start + 40, "C3": start + c3 + 3, "C2": start + c2 + size // 2}


@EVERY_ENCODING
@pytest.mark.parametrize("part", ["x", "y", "C3", "C2"])
def test_one_changed_bit_opens_on_neither_side(encoding, part):
    """An amount changed on its way must not be booked; gmssl's own decrypt would return it."""
    plain = b'[{"MEDFEE_SUMAMT":"100.00"}]'
    sealed = Sealer(PAIR.public, encoding).seal(plain)
    raw = bytearray(bytes.fromhex(sealed) if encoding.text is SealedText.HEX else base64.b64decode(sealed))
    raw[positions(encoding, raw, len(plain))[part]] ^= 1
    altered = raw.hex() if encoding.text is SealedText.HEX else base64.b64encode(raw).decode()
    with pytest.raises(SealBroken, match="does not open"):
        open_sealed(PAIR, altered, encoding)
    with pytest.raises(CannotOpen) as caught:
        OPENER.open(altered, encoding)
    assert (Unopened.NOT_ON_CURVE if part in {"x", "y"} else Unopened.C3_MISMATCH) is caught.value.kind


@EVERY_ENCODING
def test_a_layout_opens_in_no_other_layout(encoding):
    """The simulator must refuse what the platform would refuse, or a wrong setting shows only in production."""
    sealed = Sealer(PAIR.public, encoding).seal(b'[{"A":"1"}]' * 3)
    for other in ENCODINGS:
        if other != encoding:
            with pytest.raises(CannotOpen):
                OPENER.open(sealed, other)
            with pytest.raises(SealBroken):
                open_sealed(PAIR, sealed, other)


def test_what_is_sealed_for_another_key_opens_on_neither_side():
    """A key of another institution is the likeliest mistake of all."""
    sealed = Sealer(generate_key_pair().public, Encoding()).seal(b"[]")
    with pytest.raises(SealBroken):
        open_sealed(PAIR, sealed, Encoding())
    with pytest.raises(CannotOpen) as caught:
        OPENER.open(sealed, Encoding())
    assert Unopened.C3_MISMATCH is caught.value.kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", Unopened.BAD_TEXT),
        ("04zz", Unopened.BAD_TEXT),
        ("04a", Unopened.BAD_TEXT),
        ("医", Unopened.BAD_TEXT),
        ("05" + "11" * 100, Unopened.BAD_TEXT),
        ('[{"MDTRT_ID":"1"}]', Unopened.BAD_TEXT),
        ("04" + "11" * 96, Unopened.BAD_LENGTH),
        ("04" + "ff" * 97, Unopened.NOT_ON_CURVE),
        ("04" + "00" * 97, Unopened.NOT_ON_CURVE),
    ],
)
def test_what_is_no_sealed_text_is_refused_with_its_kind(text, kind):
    """The simulator answers 40006 or 40001 by it."""
    with pytest.raises(CannotOpen) as caught:
        OPENER.open(text, Encoding())
    assert kind is caught.value.kind
    with pytest.raises(SealBroken):
        open_sealed(PAIR, text, Encoding())


def test_nothing_is_not_sealed():
    """SM2 of empty content is undefined; implementations crash, hang or return rubbish."""
    with pytest.raises(Rejected, match="nothing to seal"):
        Sealer(PAIR.public, Encoding()).seal(b"")


def test_one_byte_is_never_sealed_by_a_zero_key_stream():
    """One key stream byte in 256 is zero and would send the content in clear; the standard then demands another ephemeral key."""
    sealer = Sealer(PAIR.public, Encoding())
    assert "01" not in {sealer.seal(b"\x01")[-2:] for _ in range(1000)}


def test_threads_may_share_a_sealer():
    """Sealing runs in threads, several at once for one institution."""
    sealer = Sealer(PAIR.public, Encoding())
    start = threading.Barrier(4)

    def seal(number: int) -> bool:
        if number < 4:
            start.wait()
        plain = f"[{number}]".encode() * 200
        return plain == open_sealed(PAIR, sealer.seal(plain), Encoding())

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(seal, range(200)))


@pytest.mark.parametrize("key", ["", "zz" * 32, "0" * 64, "f" * 64, "1" * 63, " " + "1" * 63])
def test_the_simulator_takes_a_private_key_only_as_64_hex_in_range(key):
    """It is the strict side."""
    with pytest.raises(Misconfigured):
        GmOpener(key)


def test_this_machine_passes_the_self_test():
    """What every worker does before its first record."""
    self_test()


def test_the_self_test_finds_an_implementation_that_answers_wrongly(monkeypatch):
    """A self-test that cannot fail is none."""
    monkeypatch.setattr(openssl.Handle, "decrypt", lambda *_: b"[]")
    with pytest.raises(Fatal, match="self-test failed"):
        self_test()


def test_a_machine_without_openssl_says_what_to_install(monkeypatch):
    """The likeliest fault on a hospital's own server."""
    monkeypatch.setattr(openssl, "_find", lambda: None)
    openssl.library.cache_clear()
    try:
        with pytest.raises(Misconfigured, match="libssl3"):
            Sealer(PAIR.public, Encoding())
    finally:
        openssl.library.cache_clear()


def test_failures_leave_nothing_in_openssls_error_queue():
    """Python's TLS shares the queue and would report our failure as its own."""
    sealed = Sealer(generate_key_pair().public, Encoding()).seal(b"[]")
    with pytest.raises(SealBroken):
        open_sealed(PAIR, sealed, Encoding())
    with pytest.raises(Misconfigured):
        openssl.Handle.public(b"\x30\x00")
    assert openssl.library().ERR_peek_last_error() == 0

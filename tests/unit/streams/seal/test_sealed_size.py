"""The size of a sealed text decides how many records fit: one character too many and the platform refuses all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.seal import ENCODINGS, Encoding, SealedText, Sealer, generate_key_pair, max_plain_bytes, sealed_chars

EVERY_ENCODING = pytest.mark.parametrize("encoding", ENCODINGS, ids=str)
KEY = generate_key_pair().public


@EVERY_ENCODING
def test_the_size_is_exact_for_small_and_for_the_largest_records(encoding):
    """Against real sealing, across the borders of Base64 groups, DER lengths (127, 255, 65 535) and the envelope's limit."""
    sealer = Sealer(KEY, encoding)
    limit = max_plain_bytes(50_000, encoding)
    for size in (*range(1, 40), 100, 127, 128, 129, 255, 256, 257, 3000, *range(limit - 2, limit + 3), 65_535, 65_536):
        assert is_of(sealed_chars(size, encoding), sealer.seal(b"a" * size), encoding)


def is_of(chars, sealed, encoding):
    """Whether a text is as long as was computed; in a SEQUENCE the numbers of x and y may be shorter than they can be."""
    return len(sealed) <= chars <= len(sealed) + 12 if encoding.is_der else len(sealed) == chars


@given(st.integers(1, 3000), st.sampled_from(ENCODINGS))
def test_the_size_is_exact(size, encoding):
    """The batch is cut by this number before anything is sealed."""
    assert is_of(sealed_chars(size, encoding), Sealer(KEY, encoding).seal(b"a" * size), encoding)


@pytest.mark.parametrize(("text", "most"), [(SealedText.HEX, 24_903), (SealedText.BASE64, 37_403)])
def test_the_envelope_holds_what_was_computed_by_hand(text, most):
    """50,000 characters less 97 bytes of SM2."""
    encoding = Encoding(text=text)
    assert most == max_plain_bytes(50_000, encoding)
    assert sealed_chars(most, encoding) <= 50_000 < sealed_chars(most + 1, encoding)


@given(st.integers(0, 100_000), st.sampled_from(ENCODINGS))
def test_the_largest_content_fits_and_one_byte_more_does_not(chars, encoding):
    """The two functions must never disagree: a record between them would be dropped or refused."""
    most = max_plain_bytes(chars, encoding)
    if most:
        assert sealed_chars(most, encoding) <= chars
    assert sealed_chars(most + 1, encoding) > chars

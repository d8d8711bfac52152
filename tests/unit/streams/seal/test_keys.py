"""Keys arrive by mail, in a dozen forms, cut, padded and wrapped: every good one must be read and every bad one named."""

import base64
import itertools
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import Misconfigured
from streams.seal import PrivateKey, der, generate_key_pair, key_text, parse_private_key, parse_public_key, read_key
from streams.seal.curve import N, P, lift, on_curve
from streams.seal.keys import ALGORITHM
from streams.seal.known_answers import known_answers

PAIR = known_answers()[0].key
PUBLIC = PAIR.public
NUMBER = f"{PAIR.d:064x}"


def der_of(pem: str) -> bytes:
    return base64.b64decode("".join(pem.splitlines()[1:-1]))


SPELT_OUT = """-----BEGIN PRIVATE KEY-----
MIIBYQIBADCB7AYHKoZIzj0CATCB4AIBATAsBgcqhkjOPQEBAiEA/////v//////
//////////////8AAAAA//////////8wRAQg/////v////////////////////8A
AAAA//////////wEICjp+p6dn140TVqeS89lCafzl4n1FauPkt28vUFNlA6TBEEE
MsSuLB8ZgRlfmQRGajnJlI/jC7/yZgvhcVpFiTNMdMe8Nzai9PZ3nFm9zuNraSFT
0KmHfMYqR0AC3zLlITnwoAIhAP////7///////////////9yA99rIcYFK1O79Ak5
1UEjAgEBBG0wawIBAQQgyqt7T7l67DGgU/iLS6DPCtbhaV/9KniiedCn8DqT6Dih
RANCAAQORnpN+nATcssPOKmtKN++6b8cEbjJCj8+xRJedPAOAUzjtBFsL9TUj5MN
1cJpu9mdfGQjPRe512GmH5SRMx4L
-----END PRIVATE KEY-----
"""
"""Nobody's key, by OpenSSL 3.0 (`openssl genpkey -pkeyopt ec_param_enc:explicit`), and one on P-256."""
OTHER_SPELT_OUT = """-----BEGIN PRIVATE KEY-----
MIIBeQIBADCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAAB
AAAAAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA
///////////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMV
AMSdNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg
9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8A
AAAA//////////+85vqtpxeehPO5ysL8YyVRAgEBBG0wawIBAQQgSbMbFAmJ6VKo
YIkRsnIZ35NV5GnKC6qwTNq2cTdGERihRANCAATeVy+0/bjMY8bEb4rnIm++q7wj
7Aq2asP9QYm93WCfSugE2lsDf2JhRkSuuzLDx9PjwoP4XovPbtQ7/aHm6n6+
-----END PRIVATE KEY-----
"""

PUBLIC_FORMS = {
    "04 and 128 hex": PUBLIC.hex,
    "upper case": PUBLIC.hex.upper(),
    "128 hex": PUBLIC.hex[2:],
    "compressed": PUBLIC.compressed,
    "0x": "0x" + PUBLIC.hex,
    "x and y on two lines": PUBLIC.hex[2:66] + "\r\n" + PUBLIC.hex[66:],
    "Base64 of X.509": base64.b64encode(PUBLIC.spki).decode(),
    "Base64 of X.509 without padding": base64.b64encode(PUBLIC.spki).decode().rstrip("="),
    "Base64 of the point": base64.b64encode(PUBLIC.point).decode(),
    "Base64 of the point without 04": base64.b64encode(PUBLIC.point[1:]).decode(),
    "Base64 of the compressed point": base64.b64encode(bytes.fromhex(PUBLIC.compressed)).decode(),
    "hex of X.509": PUBLIC.spki.hex(),
    "PEM": PUBLIC.pem,
    "PEM with Windows line ends and a byte-order mark": "\ufeff" + PUBLIC.pem.replace("\n", "\r\n"),
    "PEM in one line, as JSON writes it": PUBLIC.pem.replace("\n", "\\n"),
    "PEM in one line, from Windows": PUBLIC.pem.replace("\n", "\\r\\n"),
    "with text around it": "your key:\n\n" + PUBLIC.pem + "\nregards",
}
PRIVATE_FORMS = {
    "64 hex": NUMBER,
    "upper case with blanks": " " + NUMBER[:32].upper() + " \n" + NUMBER[32:].upper() + "\u200b",
    "extra zero byte": "00" + NUMBER,
    "Base64 of the number": base64.b64encode(bytes.fromhex(NUMBER)).decode(),
    "Base64 of the number with Java's zero byte": base64.b64encode(b"\0" + bytes.fromhex(NUMBER)).decode(),
    "PEM in one line": PAIR.pem.replace("\n", "\\n"),
    "Base64 of PKCS#8": base64.b64encode(PAIR.pkcs8).decode(),
    "hex of PKCS#8": PAIR.pkcs8.hex(),
    "PEM of PKCS#8": PAIR.pem,
}


@pytest.mark.parametrize("form", PUBLIC_FORMS)
def test_a_public_key_is_read_in_every_form_it_is_mailed_in(form):
    """The integrator pastes what was mailed; nobody should have to convert it."""
    assert parse_public_key(PUBLIC_FORMS[form]) == PUBLIC


@pytest.mark.parametrize("form", PRIVATE_FORMS)
def test_a_private_key_is_read_in_every_form_it_is_mailed_in(form):
    """Java's BigInteger adds a zero byte, JavaScript's drops leading zeros."""
    assert parse_private_key(PRIVATE_FORMS[form]) == PAIR


@pytest.mark.parametrize("zeros", [1, 2, 3, 8])
@pytest.mark.parametrize("extra", [-8, -1, 0, 1, 2, 4])
def test_lost_and_extra_leading_zeros_of_a_private_key_do_not_matter(zeros, extra):
    """One key in 16 begins with a zero, and some tool on its way drops it."""
    d = (1 << (256 - 4 * zeros)) - 1
    text = f"{d:x}".rjust(64 + extra, "0") if extra >= 0 else f"{d:x}"
    assert PrivateKey(d=d) == parse_private_key(text)


@pytest.mark.parametrize("zeros", [1, 2, 4])
def test_lost_leading_bytes_of_a_private_key_in_base64_do_not_matter(zeros):
    """One key in 256 begins with a zero byte, which a number does not need; and the form says so."""
    d = (1 << (256 - 8 * zeros)) - 1
    found = read_key(base64.b64encode(d.to_bytes(32 - zeros, "big")).decode())
    assert found.key == PrivateKey(d=d)
    assert f"of {32 - zeros} bytes instead of 32" in found.form


def test_a_curve_that_is_spelt_out_is_looked_at():
    """Some Java tools write the curve's numbers instead of its name: SM2's are SM2, and another curve's are refused as that."""
    private = parse_private_key(SPELT_OUT)
    sequence = der.Reader(der_of(SPELT_OUT)).enter()
    sequence.natural()
    algorithm = der.element(der.SEQUENCE, sequence.take(der.SEQUENCE))
    spki = der.element(der.SEQUENCE, algorithm, der.element(der.BIT_STRING, b"\0", private.public.point))
    assert parse_public_key(base64.b64encode(spki).decode()) == private.public
    curve = algorithm[algorithm.index(bytes.fromhex("3081e0")) :]
    number = der.element(der.OCTET_STRING, private.d.to_bytes(32, "big"))
    sec1 = der.element(der.SEQUENCE, der.natural(1), number, der.element(0xA0, curve))
    assert parse_private_key(base64.b64encode(sec1).decode()) == private
    with pytest.raises(Misconfigured, match="another curve"):
        read_key(OTHER_SPELT_OUT)
    altered = spki.replace(bytes.fromhex(f"{N:064x}"), bytes.fromhex(f"{N - 2:064x}"))
    with pytest.raises(Misconfigured, match="another curve"):
        read_key(base64.b64encode(altered).decode())


@settings(max_examples=30)
@given(st.integers(1, N - 2))
def test_a_key_written_out_is_read_back(d):
    """`keys new` writes what every other command reads; coordinates with leading zeros included."""
    key = PrivateKey(d=d)
    assert key == parse_private_key(key.pem)
    assert key.public == parse_public_key(key.public.pem) == parse_public_key(key.public.compressed)
    assert key.fingerprint == key.public.fingerprint


BAD = {
    "": "empty",
    "  \n\ufeff": "empty",
    "hello": "5 characters",
    "你好": "2 characters",
    PUBLIC.hex[:-2]: "not a point",  # cut by two characters it looks like one without 04
    NUMBER[:40]: "40 hex characters",
    NUMBER + NUMBER[:2] + "f" * 10: "76 hex characters",
    PUBLIC.hex[:-1]: "129 hex characters",
    PUBLIC.hex * 2: "260 hex characters",
    "00" * 32: "64 hex characters",
    f"{N:064x}": "out of range",
    f"{N - 1:064x}": "out of range",
    "ff" * 32: "out of range",
    PUBLIC.hex[:-2] + ("00" if PUBLIC.hex[-2:] != "00" else "01"): "not a point",
    "04" + f"{P:064x}" + PUBLIC.hex[66:]: "not a point",
    PUBLIC.pem.splitlines()[0]: "no complete block",
    PUBLIC.pem.replace("PUBLIC KEY", "CERTIFICATE"): "CERTIFICATE",
    PAIR.pem.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"): "ENCRYPTED PRIVATE KEY",
    PAIR.pem + PUBLIC.pem: "2 PEM blocks",
    base64.b64encode(PUBLIC.spki[:-5]).decode(): "86 bytes .* cut",
    base64.b64encode(PUBLIC.spki + b"\x00").decode(): "too many",
    base64.b64encode(PAIR.pkcs8[:-5]).decode(): "133 bytes .* cut",
    base64.b64encode(PUBLIC.spki.replace(bytes.fromhex("2a811ccf5501822d"), bytes.fromhex("2a8648ce3d030107"))).decode(): "P-256",
    base64.b64encode(b"x" * 50).decode(): "50 bytes",
}


@pytest.mark.parametrize(("text", "said"), BAD.items(), ids=BAD.values())
def test_what_is_no_key_is_named_by_what_it_is(text, said):
    """The error is read out on the telephone: it says length and kind, so that the other side finds the mistake."""
    with pytest.raises(Misconfigured, match=said):
        read_key(text)


@pytest.mark.parametrize("text", BAD)
def test_no_error_shows_any_of_the_key(text):
    """Errors end in logs, tickets and chats; a private key with one wrong digit is still nearly the private key."""
    with pytest.raises(Misconfigured) as caught:
        read_key(text)
    lines = [line for line in text.splitlines() if "-----" not in line]
    pieces = [line[at : at + 8] for line in lines for at in range(len(line) - 7)]
    assert [piece for piece in pieces if piece in str(caught.value)] == []


def test_a_private_key_whose_length_slipped_is_not_taken_for_a_shorter_one():
    """Read as a number of one byte it would be a key all the same, and every batch sealed for nobody."""
    at = PAIR.pkcs8.index(PAIR.d.to_bytes(32, "big")) - 1
    damaged = PAIR.pkcs8[:at] + b"\x01" + PAIR.pkcs8[at + 1 :]
    with pytest.raises(Misconfigured):
        read_key(base64.b64encode(damaged).decode())


@given(st.sampled_from([PUBLIC.spki, PAIR.pkcs8]), st.data())
def test_a_damaged_key_is_refused_or_is_the_key_never_a_crash(content, data):
    """A slipped byte must end in a sentence for a person, whichever byte it is."""
    at, byte = data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 255))
    damaged = content[:at] + bytes([byte]) + content[at + 1 :]
    try:
        found = read_key(base64.b64encode(damaged).decode())
    except Misconfigured:
        return
    assert found.key in {PUBLIC, PAIR}


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_refused(text):
    """Whatever is pasted."""
    with suppress(Misconfigured):
        assert read_key(text).form


def test_a_private_key_is_not_taken_for_a_public_one_nor_the_reverse():
    """The private key in the place of the public one is how it ends in a ticket."""
    with pytest.raises(Misconfigured, match="this is a private one"):
        parse_public_key(NUMBER)
    with pytest.raises(Misconfigured, match="this is a public one"):
        parse_private_key(PUBLIC.hex)


def test_halves_that_do_not_belong_together_are_refused():
    """Two keys pasted into one file open nothing, and only weeks later somebody finds out."""
    other = generate_key_pair()
    mixed = PAIR.pkcs8.replace(PUBLIC.point, other.public.point)
    with pytest.raises(Misconfigured, match="do not belong together"):
        read_key(base64.b64encode(mixed).decode())


def test_a_private_key_does_not_show_in_its_text_form():
    """Tracebacks print the repr of what they hold."""
    assert NUMBER not in repr(PAIR)
    assert str(PAIR.d) not in repr(PAIR)


@pytest.mark.parametrize(
    "content",
    [PUBLIC.pem.encode(), b"\xef\xbb\xbf" + PUBLIC.pem.encode(), PUBLIC.pem.encode("utf-16"), PUBLIC.spki],
    ids=["UTF-8", "UTF-8 with mark", "UTF-16", "DER"],
)
def test_a_key_file_may_come_from_windows_or_be_binary(content):
    """Notepad saves UTF-16, keytool writes DER."""
    assert parse_public_key(key_text(content)) == PUBLIC


def test_a_file_that_is_no_text_is_refused():
    """A ZIP with the key inside is the usual case."""
    with pytest.raises(Misconfigured, match="neither text nor DER"):
        key_text(b"PK\x03\x04\xff\xfe\x80")


def test_pairs_differ_and_have_different_fingerprints():
    """A repeated key would mean a broken random source."""
    pairs = [generate_key_pair() for _ in range(20)]
    assert len({pair.fingerprint for pair in pairs}) == 20
    assert all(on_curve(pair.public.x, pair.public.y) for pair in pairs)


def test_a_point_is_lifted_to_either_of_its_two_ys():
    """A compressed key stands for one of two points; the wrong one is another person's key."""
    even, odd = lift(PUBLIC.x, odd=False), lift(PUBLIC.x, odd=True)
    assert PUBLIC.y in {even, odd}
    assert (even or 0) + (odd or 0) == P
    assert lift(P, odd=True) is None
    assert None in itertools.islice((lift(x, odd=True) for x in itertools.count(1)), 50)


def test_the_algorithm_is_that_of_the_standard():
    """GM/T 0010: an elliptic-curve key on 1.2.156.10197.1.301; other identifiers are not read by Java."""
    assert ALGORITHM.hex() == "301306072a8648ce3d020106082a811ccf5501822d"

"""The bytes of a POST: what the platform decrypts must be the very bytes that the join wrote."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.deliver.request import Institution, Sealed, Unsealed, array, check, envelope, sealed
from streams.domain.batch.cut import CutLimits, cut
from streams.errors import Misconfigured
from streams.seal import Encoding, Sealer, generate_key_pair, open_sealed, sealed_chars
from streams.spec.fields import ServiceCode
from streams.spec.profiles import REPORTING
from tests.unit.streams.ready_records import batch_of, ready_record

CODE = "H36110200001"


def batch(*values):
    return batch_of(*(ready_record(number, value=value, service=ServiceCode.FEE) for number, value in enumerate(values, start=1)))


def institution(seal, *, code=CODE, name="第一人民医院"):
    return Institution(code=code, name=name, seal=seal)


@given(st.lists(st.binary(max_size=50), min_size=2, max_size=20))
def test_the_size_that_is_cut_by_is_the_size_that_is_sent(values):
    """A byte of difference between the two is a refused batch at the limit."""
    size, records = len(array(values)), batch(*values).records
    assert [1, 2] == [len(cut(records, CutLimits(max_chars=most, max_rows=20, sealed_chars=int))) for most in (size, size - 1)]


@pytest.mark.parametrize("values", [[b'{"A":"1"}'], [b'{"A":"\xe4\xb8\xad"}', b'{"B": "2"}']], ids=["one", "two"])
def test_what_opens_at_the_platform_are_the_records_bytes_in_an_array(values):
    """R21: an array even for one record; and no re-encoding on the way, or the content hash would lie."""
    pair, encoding = generate_key_pair(), Encoding()
    data, key = sealed(batch(*values), Sealer(pair.public, encoding))
    assert key == pair.fingerprint
    assert open_sealed(pair, data, encoding) == b"[" + b",".join(values) + b"]"
    assert len(data) == sealed_chars(len(array(values)), encoding)


def test_the_envelope_has_the_interfaces_members_in_its_order():
    """Interface §3.2.1."""
    body = envelope(batch(b"{}"), institution=institution(Unsealed()), msgid="m" * 32, data="00", profile=REPORTING)
    assert list(orjson.loads(body).items()) == [
        ("infno", "2304"),
        ("msgid", "m" * 32),
        ("fixmedins_code", CODE),
        ("fixmedins_name", "第一人民医院"),
        ("data", "00"),
    ]


def test_an_unsealed_batch_is_the_readable_array():
    """The interface allows it; then `data` is the text of the array, not an array."""
    assert sealed(batch('{"A":"中"}'.encode()), Unsealed()) == Sealed('[{"A":"中"}]', "")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"code": "H361"}, "12 letters and digits"),
        ({"name": ""}, "fixmedins_name"),
        ({"name": "院" * 101}, "1 to 100"),
    ],
    ids=["code", "no name", "long name"],
)
def test_an_institution_that_cannot_report_stops_the_start(wrong, words):
    """Found by the first record, it would be every record's dead letter."""
    facts = {"seal": Unsealed(), "code": CODE, "name": "院", **wrong}
    with pytest.raises(Misconfigured, match=words):
        check(Institution(**facts), REPORTING)

"""The partition of a visit, as Debezium once computed it. The values were seen on records of a running connector or in Java."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.place.partitions import java_hash, partition_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("a", 97), ("hello", 99162322), ("polygenelubricants", 0x80000000), ("医保", 31 * 0x533B + 0x4FDD), ("😀", 1772899)],
)
def test_the_hash_is_javas(text, expected):
    """One wrong bit, and a replayed row meets its visit in no partition."""
    assert expected == java_hash(text)


@pytest.mark.parametrize(("visit", "partition"), [("M1", 0), ("M3", 2), ("M10", 0), ("M11", 1)])
def test_the_partition_is_where_debezium_put_it(visit, partition):
    """Seen on records of a running connector with twelve partitions."""
    assert partition == partition_of(visit, 12)


@given(st.text(), st.integers(min_value=1, max_value=1296))
def test_every_visit_has_a_partition(visit, partitions):
    """A hash with the sign bit set must not give a negative partition."""
    assert 0 <= partition_of(visit, partitions) < partitions

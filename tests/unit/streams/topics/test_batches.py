"""What is found in a broker's answer without taking all of it apart."""

import pytest
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams.topics.batches import Fetched, Sought, found_in

PLACE = TopicPartition("visit.state", 3)
NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)


def batch(*messages, first=0, codec=NONE):
    """Messages (key, value, headers) as a broker keeps them, from this offset on."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
    for at, (key, value, *headers) in enumerate(messages):
        builder.append(at, timestamp=1_000 + at, key=key, value=value, headers=headers)
    return first.to_bytes(8, "big") + bytes(builder.build())[8:]


def found(data, sought, *, start=0, aborted=()):
    return [(one.offset, one.key, one.value) for one in found_in(Fetched(PLACE, start, data, aborted), sought)]


def by_key(key):
    return Sought([key], lambda message: message.key == key)


@pytest.mark.parametrize("codec", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
def test_a_message_is_found_however_it_is_packed(codec):
    """Producers pack as they are told, and Connect otherwise than the lanes: one codec forgotten, and its visits are not there."""
    data = batch((b"V1", b"a"), (b"V2", b"b"), (b"V1", b"c"), codec=codec)
    assert [(0, b"V1", b"a"), (2, b"V1", b"c")] == found(data, by_key(b"V1"))
    assert not found(data, by_key(b"V3"))


@pytest.mark.parametrize("message", [(b"x F7", b"v"), (b"k", b'["F7"]'), (b"k", b"v", ("record", b"F7"))])
def test_a_message_is_found_by_its_key_value_or_headers(message):
    """A record's number stands in a header of visit.ready, and in the value of visit.state."""
    assert 1 == len(found(batch(message), Sought([b"F7"], lambda _message: True)))


def test_what_only_looks_like_it_is_not_found():
    """F7 stands in F71, too; who takes that tells of another patient's line."""
    assert not found(batch((b"F71", b"F7 and more")), by_key(b"F7"))


def test_a_later_message_under_the_key_of_one_that_was_found_is_found_whatever_it_says():
    """A row that is reported as another record now is not the old one's any more; one that went is nobody's."""
    sought = Sought([b"R1"], lambda message: message.value == b"as R1", follows=lambda _index: ())
    data = batch((b"row", b"as R1"), (b"other", b"as R2")) + batch((b"row", b"as R2"), (b"row", None), first=2)
    assert [(0, b"row", b"as R1"), (2, b"row", b"as R2"), (3, b"row", None)] == found(data, sought)


def test_what_was_asked_for_begins_within_a_batch():
    """Brokers give whole batches: what stands before the offset was read already."""
    assert [(11, b"V1", b"b")] == found(batch((b"V1", b"a"), (b"V1", b"b"), first=10), by_key(b"V1"), start=11)


def test_a_batch_that_is_cut_off_is_left_for_the_next_answer():
    """It is fetched again from its beginning; half of it read as whole would end the search there."""
    whole, half = batch((b"V1", b"a"), (b"V2", b"b")), batch((b"V1", b"c"), first=2)
    data = whole + half[:-1]
    assert 2 == Fetched(PLACE, 0, data, ()).next_offset
    assert [(0, b"V1", b"a")] == found(data, by_key(b"V1"))
    assert 7 == Fetched(PLACE, 7, half[:-1], ()).next_offset


def test_a_batch_with_a_wrong_checksum_is_told():
    """A bit that a disk lost may be the one by which the visit would have been found."""
    data = bytearray(batch((b"V1", b"a")))
    data[-1] ^= 1
    with pytest.raises(CorruptRecordException, match="checksum"):
        found(bytes(data), by_key(b"V9"))

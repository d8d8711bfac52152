"""How the lanes' batches are compressed: the client has no setting for it, so what is set from inside is held here."""

from aiokafka.codec import lz4_decode, lz4_encode
from aiokafka.producer.message_accumulator import BatchBuilder

import streams.lanes.kafka_broker  # noqa: F401 - sets the level

LZ4 = 3
HEADER_BYTES = 61


def test_batches_are_compressed_at_the_level_that_costs_little():
    """Level 9, the client's own, took more of the join's time than reading its input."""
    builder = BatchBuilder(256 << 10, LZ4, is_transactional=1)
    for number in range(500):
        value = b'{"BKKP_SN":"%d","MDTRT_ID":"M%d","MEDINS_LIST_NAME":"bed, class %d"}' % (number, number // 20, number % 3)
        assert builder.append(timestamp=1, key=b"v%d" % (number // 20), value=value)
    compressed = bytes(builder._build())[HEADER_BYTES:]
    content = lz4_decode(compressed)
    assert b'{"BKKP_SN":"499"' in content
    assert lz4_encode(content, level=2) == compressed != lz4_encode(content)

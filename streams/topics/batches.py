"""Messages in what a broker answers a fetch with, found by bytes that they hold: a batch in which these stand nowhere is unpacked,
but not taken apart, which costs a tenth.

Aborted transactions are rare, and told beside the batches: an answer with one is taken apart by the client itself.
"""

import sqlite3
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

_BEGIN: Final = struct.Struct(">qiibIhi")
"""Of a batch: first offset, length behind these two, epoch, magic, checksum, attributes, last offset minus the first."""
_HEAD: Final = 61
_BEFORE_LENGTH: Final = 12
_MAGIC: Final = 2
_CODEC: Final = 0x07
_CONTROL: Final = 0x20
_UNPACKED: Final[dict[int, Callable[[bytes], bytes]]] = {
    0: lambda data: data,
    1: gzip_decode,
    2: snappy_decode,
    3: lz4_decode,
    4: zstd_decode,
}


@dataclass(slots=True)
class Sought:
    """What is looked for. It learns while it is read: what comes later under the key of a message that was found is found, too."""

    parts: Sequence[bytes] = field(repr=False)
    """Bytes of which one stands in each message that is meant, in its key, value or headers; none: any message may be meant."""
    means: Callable[[Any], bool] = field(repr=False)
    """Whether a message is meant."""
    follows: Callable[[sqlite3.Connection], Collection[tuple[int, int]]] | None = field(default=None, repr=False)
    """Where what comes later under the key of a message that is meant counts, though `means` does not hold for it: the places
    (partition, offset) of such messages that an index has; None: it does not count."""
    keys: set[bytes] = field(default_factory=set, repr=False)
    """Those that are followed."""

    def may_be_in(self, data: bytes) -> bool:
        """Whether one that is meant may be in a batch, unpacked."""
        return not self.parts or any(part in data for part in self.parts) or any(key in data for key in self.keys)

    def takes(self, message: Any) -> bool:
        """Whether a message is found."""
        if message.key in self.keys:
            return True
        if not self.means(message):
            return False
        if self.follows is not None and message.key is not None:
            self.keys.add(message.key)
        return True


class Fetched(NamedTuple):
    """What a broker answered for one partition."""

    place: TopicPartition
    start: int
    """The offset that was asked for."""
    data: bytes
    """Whole batches, and perhaps a part of one behind them."""
    aborted: Collection[tuple[int, int]]
    """Producer and first offset of transactions in them that were given up."""

    def __repr__(self) -> str:
        """Without what it holds."""
        return f"Fetched(start={self.start})"

    @property
    def next_offset(self) -> int:
        """Where to go on; `start` where no batch is whole."""
        last = self.start
        for _, _, begin, delta in _batches(self.data):
            last = max(last, begin + delta + 1)
        return last


def found_in(fetched: Fetched, sought: Sought) -> Iterator[Any]:
    """The committed messages that are meant. Raises CorruptRecordException where a checksum is wrong."""
    if fetched.aborted or any(fetched.data[at + 16] != _MAGIC for at, *_ in _batches(fetched.data)):
        yield from filter(sought.takes, _messages(fetched, fetched.data, fetched.aborted))
        return
    for at, end, *_ in _batches(fetched.data):
        batch = fetched.data[at:end]
        attributes = _BEGIN.unpack_from(batch)[5]
        if attributes & _CONTROL:
            continue
        if not DefaultRecordBatch(batch).validate_crc():
            raise CorruptRecordException(f"a checksum of {fetched.place} is wrong")
        if sought.may_be_in(_UNPACKED[attributes & _CODEC](batch[_HEAD:])):
            yield from filter(sought.takes, _messages(fetched, batch, ()))


def _batches(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Of each whole batch: where it begins and ends, its first offset, and its last one minus that."""
    at = 0
    while at + _HEAD <= len(data):
        begin, length, *_, delta = _BEGIN.unpack_from(data, at)
        end = at + _BEFORE_LENGTH + length
        if end > len(data):
            return
        yield at, end, begin, delta
        at = end


def _messages(fetched: Fetched, data: bytes, aborted: Collection[tuple[int, int]]) -> Iterator[Any]:
    records = MemoryRecords(data)
    return iter(PartitionRecords(fetched.place, records, aborted, fetched.start, None, None, True, READ_COMMITTED))

"""Read the receipts: what the platform accepted, as this product knows it. Synchronous; never call it from an event loop."""

from collections.abc import Iterator, Mapping
from typing import Any

from streams.deliver.receipt import Receipt, decode_receipt
from streams.topics.whole import read_whole


def read_receipts(client: Mapping[str, Any], topic: str) -> Iterator[Receipt]:
    """Every receipt up to the end of the topic as it is now; what is no receipt is passed over. Raises as `read_whole`."""
    for message in read_whole(client, topic):
        try:
            yield decode_receipt(message.value)
        except ValueError:
            continue

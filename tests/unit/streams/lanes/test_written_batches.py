"""What a transaction of many messages knows of them when some cannot be written."""

import asyncio
from types import SimpleNamespace

import pytest

from streams.lanes.kafka_broker import _all, _Batch


async def test_a_batch_that_failed_is_told_when_no_other_is_under_way():
    """The client would commit a transaction without what failed; and nobody may close it while others are still being sent."""
    failed, late = (asyncio.get_running_loop().create_future() for _ in range(2))
    batches = [_Batch(print, failed), _Batch(print, late)]
    waiting = asyncio.ensure_future(_all(batches))
    failed.set_exception(OSError("not written"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    late.set_result(SimpleNamespace(offset=7))
    with pytest.raises(OSError, match="not written"):
        await waiting
    assert [0, 7] == [batch.first for batch in batches]

"""Batches sealed in threads, and kept until their outcome is known: a msgid that is sent again carries the same text."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from streams.deliver.request import Seal, Sealed, sealed
from streams.domain.batch.cut import Batch

_KEPT: Final = 64
"""More than two for each lane of one process; 64 x 50,000 characters."""
_THREADS: Final = 2


@dataclass(slots=True)
class Sealing:
    """A batch's sealed text, kept until its outcome is known."""

    data: "asyncio.Future[Sealed]"
    """The text, and the key."""
    seal: Seal
    """What seals it."""
    size: int
    """How many records are in it. A batch that was prepared may lose some before its first POST."""
    waited_ms: int | None = None
    """How long the first try waited for it; None before that."""


class Sealings:
    """now: seconds of a clock that never goes back. on_sealed: told how long a batch took."""

    def __init__(self, *, now: Callable[[], float], on_sealed: Callable[[float], None]) -> None:
        self._now = now
        self._on_sealed = on_sealed
        self._kept: OrderedDict[str, Sealing] = OrderedDict()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="seal")

    def close(self) -> None:
        """Begin no more."""
        self._threads.shutdown(wait=False)

    def of(self, batch: Batch, seal: Seal, msgid: str) -> Sealing:
        """The text that was begun for this msgid and batch, or a new one."""
        found = self._kept.get(msgid)
        return found if found is not None and found.size == len(batch.records) else self._begin(batch, seal, msgid)

    async def wait(self, sealing: Sealing, msgid: str) -> None:
        """Until a batch is sealed. Raises whatever sealing it does."""
        began = self._now()
        try:
            await asyncio.shield(sealing.data)
        except Exception:
            self.forget(msgid)
            raise
        if sealing.waited_ms is None:
            sealing.waited_ms = round((self._now() - began) * 1000)

    def forget(self, msgid: str) -> None:
        """The outcome is known, or it is to be sealed anew."""
        self._kept.pop(msgid, None)

    def _begin(self, batch: Batch, seal: Seal, msgid: str) -> Sealing:
        """Begin to seal in a thread. That costs 0.3 ms more a batch, but in the event loop twelve lanes would stop everything else
        for 30 ms at a time.
        """
        data, began = asyncio.get_running_loop().run_in_executor(self._threads, sealed, batch, seal), self._now()
        # Its error is heard, if nobody posts it.
        data.add_done_callback(lambda done: done.cancelled() or done.exception() or self._on_sealed(self._now() - began))
        sealing = self._kept[msgid] = Sealing(data, seal, len(batch.records))
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return sealing

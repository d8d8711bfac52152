"""What a broker answers that was frozen and goes on, or that takes over: for a moment it knows less than the others.

Before it writes something of a transaction, a partition's leader asks the transaction's coordinator whether it runs. A broker that
was frozen asks whom it knew as that, perhaps itself, and hears only of earlier transactions: it answers that there is none, which
aiokafka takes for the end. And a coordinator that loads what another one knew may say, at the end of the loading, that it never
heard of this producer. The right leader knows better. So such answers are not believed at once: the leader, as it is known then, is
asked again. Where the transaction was really ended, or the producer forgotten, every broker says so, and goes on saying it.
"""

import time
from typing import Any, Final

from aiokafka.client import CoordinationType
from aiokafka.errors import InvalidProducerIdMapping, InvalidTxnState
from aiokafka.producer.sender import (
    AddOffsetsToTxnHandler,
    AddPartitionsToTxnHandler,
    EndTxnHandler,
    SendProduceReqHandler,
    TxnOffsetCommitHandler,
)

from streams.lanes.pinned import require_versions

require_versions()

BELIEVED_S: Final = 15.0
"""It is believed when it is still given after so long: longer than a broker takes to hear what it missed."""
_FORGOTTEN_S: Final = 60.0
_AGAIN_S: Final = 0.2
_END_AGAIN_S: Final = 1.5
"""The end of a transaction is asked for again only after so long that the lane reads back what came of it
(`LaneSettings.doubt_s`): a broker that knows only the transaction before this one says that it is committed."""
_DOUBTED: Final = (InvalidTxnState, InvalidProducerIdMapping)
_DOUBTED_CODES: Final = frozenset(error.errno for error in _DOUBTED)
_OF_THE_COORDINATOR: Final = {AddPartitionsToTxnHandler: _AGAIN_S, AddOffsetsToTxnHandler: _AGAIN_S, EndTxnHandler: _END_AGAIN_S}
_plain_can_retry: Final = SendProduceReqHandler._can_retry  # noqa: SLF001 - guarded by the pin
_plain_handle: Final = {handler: handler.handle_response for handler in (TxnOffsetCommitHandler, *_OF_THE_COORDINATOR)}


def _may_be_stale(sender: Any) -> bool:
    now = time.monotonic()
    first = getattr(sender, "yibao_doubted_at", None)
    if first is None or now - first > _FORGOTTEN_S:
        first = sender.yibao_doubted_at = now
    return bool(now - first < BELIEVED_S)


def _can_retry(self: Any, error: Exception, batch: Any) -> bool:
    if isinstance(error, _DOUBTED) and _may_be_stale(self._sender):
        self._default_backoff = _AGAIN_S
        self._client.force_metadata_update()
        return True
    return bool(_plain_can_retry(self, error, batch))


def _codes(response: Any) -> set[int]:
    """Of an answer about several partitions, or about one thing."""
    errors = getattr(response, "errors", None)
    return {response.error_code} if errors is None else {code for _, partitions in errors for _, code in partitions}


def _asks_again(handler: type[Any], kind: CoordinationType, *, pause_s: float = _AGAIN_S) -> Any:
    """How a handler takes its answer: the pause before it asks again; None when it is done."""

    def handle(self: Any, response: Any) -> Any:
        if not _DOUBTED_CODES.isdisjoint(_codes(response)) and _may_be_stale(self._sender):
            self._sender._coordinator_dead(kind)  # noqa: SLF001 - guarded by the pin
            return pause_s
        return _plain_handle[handler](self, response)

    return handle


def install() -> None:
    """For every producer of this process."""
    SendProduceReqHandler._can_retry = _can_retry  # noqa: SLF001 - guarded by the pin
    TxnOffsetCommitHandler.handle_response = _asks_again(TxnOffsetCommitHandler, CoordinationType.GROUP)
    for handler, pause_s in _OF_THE_COORDINATOR.items():
        handler.handle_response = _asks_again(handler, CoordinationType.TRANSACTION, pause_s=pause_s)

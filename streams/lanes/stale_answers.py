"""What a broker answers that was frozen and goes on: for a moment it does not know that others have taken over what it led.

Before it writes something of a transaction, a partition's leader asks the transaction's coordinator whether it runs. A broker that
was frozen asks whom it knew as that, perhaps itself, and hears only of earlier transactions: it answers that there is none, which
aiokafka takes for the end. The right leader knows better. So that answer is not believed at once: the leader, as it is known then,
is asked again. Where the transaction was really ended every broker says so, and goes on saying it.
"""

import time
from typing import Any, Final

from aiokafka.client import CoordinationType
from aiokafka.errors import InvalidTxnState
from aiokafka.producer.sender import SendProduceReqHandler, TxnOffsetCommitHandler

from streams.lanes.pinned import require_versions

require_versions()

BELIEVED_S: Final = 15.0
"""It is believed when it is still given after so long: longer than a broker takes to hear what it missed."""
_FORGOTTEN_S: Final = 60.0
_AGAIN_S: Final = 0.2
_plain_can_retry: Final = SendProduceReqHandler._can_retry  # noqa: SLF001 - guarded by the pin
_plain_handle: Final = TxnOffsetCommitHandler.handle_response


def _may_be_stale(sender: Any) -> bool:
    now = time.monotonic()
    first = getattr(sender, "yibao_doubted_at", None)
    if first is None or now - first > _FORGOTTEN_S:
        first = sender.yibao_doubted_at = now
    return bool(now - first < BELIEVED_S)


def _can_retry(self: Any, error: Exception, batch: Any) -> bool:
    if isinstance(error, InvalidTxnState) and _may_be_stale(self._sender):
        self._default_backoff = _AGAIN_S
        self._client.force_metadata_update()
        return True
    return bool(_plain_can_retry(self, error, batch))


def _handle_offsets(self: Any, response: Any) -> Any:
    """The pause before it is sent again; None when it is done."""
    codes = {code for _, partitions in response.errors for _, code in partitions}
    if InvalidTxnState.errno in codes and _may_be_stale(self._sender):
        self._sender._coordinator_dead(CoordinationType.GROUP)  # noqa: SLF001 - guarded by the pin
        return _AGAIN_S
    return _plain_handle(self, response)


def install() -> None:
    """For every producer of this process."""
    SendProduceReqHandler._can_retry = _can_retry  # noqa: SLF001 - guarded by the pin
    TxnOffsetCommitHandler.handle_response = _handle_offsets

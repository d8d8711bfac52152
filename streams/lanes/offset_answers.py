"""What a broker answers when it is asked for committed offsets: only an answer without an error says that there are none.

aiokafka looks at the error of each partition and not at that of the whole answer. A broker that is no longer the group's
coordinator, or still loads the group, answers with such an error and without partitions; aiokafka takes that for a group that never
committed, and goes on asking the same broker. A lane would believe that its offset is gone, and whoever wrote it anew would report
records twice.
"""

from typing import Any, Final

from aiokafka import errors
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetFetchRequest

from streams.lanes.pinned import require_versions

require_versions()

_plain_send: Final = GroupCoordinator._send_req  # noqa: SLF001 - guarded by the pin
_OF_ANOTHER_BROKER: Final = (errors.GroupCoordinatorNotAvailableError, errors.NotCoordinatorForGroupError)


async def _send(self: Any, request: Any) -> Any:
    """The answer. Raises its error, which aiokafka's caller repeats where that helps, at the coordinator as it is known then."""
    response = await _plain_send(self, request)
    code = getattr(response, "error_code", 0) if isinstance(request, OffsetFetchRequest) else 0
    if code:
        error = errors.for_code(code)
        if issubclass(error, _OF_ANOTHER_BROKER):
            self.coordinator_dead()
        raise error(self.group_id)
    return response


def install() -> None:
    """For every consumer of this process."""
    GroupCoordinator._send_req = _send  # noqa: SLF001 - guarded by the pin

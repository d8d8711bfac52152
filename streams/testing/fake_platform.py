"""A platform in memory, in place of the gateway and what is behind it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Verdict
from streams.domain.batch.cut import Batch


class Posted(NamedTuple):
    """One record as the platform got it."""

    number: int
    """Its `seq` in `visit.ready`."""
    record_key: str
    value: bytes


class Taken(NamedTuple):
    """One batch that the platform accepted."""

    msgid: str
    records: tuple[Posted, ...]


class FakePlatform:
    """The lanes' port `Posts`. It takes each msgid once, and answers "repeated" to one that it took before.

    Set at any time:
    refuses: keys of records. A batch with one of them is refused, and judged anew when it comes again.
    script: verdicts to give first, one for each post; the batches of these posts are neither taken nor refused.
    away: no post reaches it (UNREACHABLE).
    shut_out: institutions whose key it does not know (40006), when the script is over.
    silent: institutions of which it takes all, and answers none.
    says: by institution, what it says to whatever that one sends; it takes nothing of it then.
    loses_answer: asked with the msgid of each batch that it just took; where it says True, the sender gets no answer (TIMEOUT).
    on_post: awaited with batch and msgid before a post is judged. It may look, wait (which makes the platform slow, or holds the
    post until something happens), or raise `Crash`.

    To look at afterwards: `accepted`, `refused_msgids`, `changed_msgids` (those that came again with other records), `prepared`
    (msgids announced before their post), `posts` (how many came, `away` included), `refused_before` (what each post said of that).
    """

    def __init__(self, *, refuses: Iterable[str] = ()) -> None:
        self.refuses = set(refuses)
        self.script: list[Verdict] = []
        self.away = False
        self.shut_out: set[str] = set()
        self.silent: set[str] = set()
        self.says: dict[str, Verdict] = {}
        self.loses_answer: Callable[[str], bool] = _never
        self.on_post: Callable[[Batch, str], Awaitable[None]] = _go_on
        self.accepted: list[Taken] = []
        self.refused_msgids: list[str] = []
        self.changed_msgids: list[str] = []
        self.prepared: list[str] = []
        self.refused_before: list[bool] = []
        self.posts = 0
        self._known: dict[str, tuple[Posted, ...]] = {}
        self._taken: set[str] = set()

    @property
    def records(self) -> list[Posted]:
        """The accepted records, in the order of acceptance."""
        return [record for taken in self.accepted for record in taken.records]

    @property
    def numbers(self) -> list[int]:
        """The numbers of the accepted records, in the order of acceptance."""
        return [record.number for record in self.records]

    # The lanes' port -------------------------------------------------------------------------------------------------------------

    def prepare(self, batch: Batch, msgid: str) -> None:
        """Note that a batch was announced."""
        del batch
        self.prepared.append(msgid)

    async def post(self, batch: Batch, msgid: str, *, refused_before: bool = False) -> Verdict:
        """Let `on_post` pass, then judge the batch."""
        await self.on_post(batch, msgid)
        await asyncio.sleep(0)
        self.refused_before.append(refused_before)
        if batch.institution in self.shut_out and not self.script:
            self.posts += 1
            return Held(cause=HoldCause.ANSWER_CODE, code="40006", http_status=200, message="not the key of this institution")
        if (said := self.says.get(batch.institution)) is not None and not self.script:
            self.posts += 1
            return said
        verdict = self.receive(msgid, [Posted(one.number, one.record_key, one.value) for one in batch.records])
        return Retry(cause=RetryCause.TIMEOUT) if batch.institution in self.silent else verdict

    # Behind the port -------------------------------------------------------------------------------------------------------------

    def receive(self, msgid: str, records: Sequence[Posted]) -> Verdict:
        """Judge one post. Tests that put a network in between call this from the other side of it."""
        self.posts += 1
        if self.script:
            return self.script.pop(0)
        if self.away:
            return Retry(cause=RetryCause.UNREACHABLE)
        body = tuple(records)
        if self._known.setdefault(msgid, body) != body:
            self.changed_msgids.append(msgid)
        if msgid in self._taken:
            return Accepted(code="40005", repeated=True)
        if any(record.record_key in self.refuses for record in body):
            self.refused_msgids.append(msgid)
            return Refused(code="40000", http_status=200, message="refused by the test")
        self._taken.add(msgid)
        self.accepted.append(Taken(msgid, body))
        return Retry(cause=RetryCause.TIMEOUT) if self.loses_answer(msgid) else Accepted(code="200", repeated=False)


def _never(_msgid: str) -> bool:
    return False


async def _go_on(_batch: Batch, _msgid: str) -> None:
    return None

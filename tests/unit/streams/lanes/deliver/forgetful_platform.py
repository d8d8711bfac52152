"""A platform for models: what it remembers of msgids, for how long, and what becomes of requests and answers on their way."""

from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto

import orjson

from streams.deliver.answer import HttpAnswer
from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.verdict import Held, Refused, Retry, Throttled, verdict
from streams.spec.profiles import REPORTING
from tests.unit.streams.lanes.stepped import current, noticing, stand

NOW = datetime(2024, 5, 6, tzinfo=UTC)


class Fate(Enum):
    """What becomes of a request."""

    ANSWERED = auto()
    UNREACHABLE = auto()
    REQUEST_LOST = auto()
    ANSWER_LOST = auto()
    SLOW = auto()  # the client gives up first; it arrives later or never
    BROKEN = auto()  # 50000, before anything was done
    THROTTLED = auto()
    LONG_THROTTLED = auto()  # 429 that asks for minutes
    LATER = auto()  # 503 that asks for minutes, of what was judged
    HELD = auto()
    SHUT_OUT = auto()  # a wrong key: it is sure that nothing was taken
    CONTRADICTED = auto()  # judged, and answered with two codes


@dataclass(frozen=True, kw_only=True)
class Request:
    """One POST on its way. began_at: when its sender decided to post."""

    msgid: str
    body: tuple
    bad: bool
    began_at: float


class ForgetfulPlatform:
    """Takes a batch without a bad record, once for each msgid that it remembers.

    forgets_after_s: of an accepted msgid, None for never. remembers_refused: repeats "repeated" also for an id that it refused.
    in_flight_s: a request arrives within that time or never.
    """

    def __init__(self, loop, *, forgets_after_s=None, remembers_refused=False, in_flight_s=None):
        self.weather = deque()
        self.network = []
        self.accepted_at = {}
        self.refused = set()
        self.taken = []
        self.again = []
        self.violations = []
        self.on_begin = lambda _process, _msgid: None
        self._bodies = {}
        self._loop = loop
        self._forgets_after_s = forgets_after_s
        self._remembers_refused = remembers_refused
        self._in_flight_s = in_flight_s

    @property
    def times(self):
        """How often each record was taken, by number."""
        return Counter(number for _, numbers in self.taken for number in numbers)

    def prepare(self, batch, msgid):
        """Nothing to do before a POST."""

    async def post(self, batch, msgid, *, refused_before=False):
        """As the gateway does."""
        self.on_begin(current(), msgid)
        body = tuple((one.number, one.service, one.institution, one.infno, one.value) for one in batch.records)
        request = Request(msgid=msgid, body=body, bad=any(b"bad" in one.value for one in batch.records), began_at=self._loop.time())
        await stand("post")
        fate = self.weather.popleft() if self.weather else self.calm(batch)
        if fate in _AT_ONCE:
            return _AT_ONCE[fate]
        match fate:
            case Fate.SLOW:
                self.network.append(request)
                return Retry(cause=RetryCause.TIMEOUT)
            case Fate.BROKEN:
                return _read(50000, refused_before=refused_before)
        code = self.arrive(request)
        await stand("answer")
        if fate is Fate.LATER:
            return Retry(cause=RetryCause.SERVER_ERROR, http_status=503, after_s=240.0)
        if code is None or fate is Fate.ANSWER_LOST:
            return Retry(cause=RetryCause.TIMEOUT)
        said = _read(code, refused_before=refused_before, **({"infcode": 1} if fate is Fate.CONTRADICTED else {}))
        if isinstance(said, Refused):
            current().refused.add(msgid)
        return said

    def calm(self, batch):
        """What becomes of a request of which nothing else is said."""
        del batch
        return Fate.ANSWERED

    def arrive(self, request):
        """A request reaches the platform; its answer code, None where it did not reach it."""
        if self._in_flight_s is not None and self._loop.time() - request.began_at > self._in_flight_s:
            return None
        msgid = request.msgid
        with noticing(self.violations):
            assert self._bodies.setdefault(msgid, request.body) == request.body, f"{msgid} carries two bodies"
        if self._remembers(msgid):
            return 40005
        if request.bad:
            self.refused.add(msgid)
            return 40000
        if msgid in self.accepted_at:
            self.again.append(request)
        self.accepted_at[msgid] = self._loop.time()
        self.taken.append((msgid, [number for number, *_ in request.body]))
        return 200

    def _remembers(self, msgid):
        if self._remembers_refused and msgid in self.refused:
            return True
        at = self.accepted_at.get(msgid)
        return at is not None and (self._forgets_after_s is None or self._loop.time() - at <= self._forgets_after_s)


_AT_ONCE = {
    Fate.UNREACHABLE: Retry(cause=RetryCause.UNREACHABLE),
    Fate.REQUEST_LOST: Retry(cause=RetryCause.CONNECTION),
    Fate.THROTTLED: Throttled(after_s=1.0),
    Fate.LONG_THROTTLED: Throttled(after_s=240.0),
    Fate.HELD: Held(cause=HoldCause.AUTHORISATION, http_status=401, message="no"),
    Fate.SHUT_OUT: Held(cause=HoldCause.ANSWER_CODE, code="40006", message="no"),
}
"""Where nothing was done."""


def _read(code, *, refused_before, **others):
    answer = HttpAnswer(status=200, headers={}, body=orjson.dumps({"code": code, "message": "said", **others}))
    return verdict(answer, refused_before=refused_before, profile=REPORTING, now=NOW)

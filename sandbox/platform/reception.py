"""The front door: `POST /metadata/receive/{service}`, from the bytes of a request to its answer."""

import asyncio
import time
import traceback
from collections import Counter
from functools import partial

import structlog
from aiohttp import web

from sandbox.platform.answers import Answer, Code, Shape
from sandbox.platform.envelope import Envelope, Registry, judge_envelope, peek
from sandbox.platform.faults import FaultBoard, Kind, Request
from sandbox.platform.ledger import Ledger
from sandbox.platform.opening import Opening
from sandbox.platform.rows import Rules, judge_rows, split_rows
from sandbox.platform.spoil import JSON, Scene, answer, spoil

log = structlog.get_logger()


class Judge:
    """Judges one post after another: service, envelope, institution, msgid, opening, JSON, formats, business, in this order."""

    def __init__(self, *, registry: Registry, rules: Rules, ledger: Ledger, opening: Opening, plain_allowed: bool) -> None:
        self._registry = registry
        self._rules = rules
        self._ledger = ledger
        self._opening = opening
        self._plain_allowed = plain_allowed

    async def judge(self, service: str, body: bytes) -> Answer:
        """The answer to a post. A batch answered with 200 is in the journal by then."""
        envelope = judge_envelope(service, body, self._registry)
        if isinstance(envelope, Answer):
            return envelope
        if self._ledger.is_used(envelope.msgid, now_ms=_now_ms()):
            return Answer(code=Code.REPEATED)
        verdict = await self._judge_data(envelope)
        if verdict.code not in (Code.OK, Code.REPEATED):
            self._ledger.refuse(envelope.msgid)
        return verdict

    async def _judge_data(self, envelope: Envelope) -> Answer:
        plain = await self._plain(envelope)
        if isinstance(plain, Answer):
            return plain
        rows = split_rows(plain)
        if isinstance(rows, Answer):
            return rows
        service = self._rules.services[envelope.service]
        refusal = judge_rows(
            rows,
            service=service,
            institution=envelope.institution,
            rules=self._rules,
            owners_unknown=partial(self._ledger.owners_unknown, service=envelope.service, institution=envelope.institution),
        )
        if refusal is not None:
            verdict, finding = refusal
            self._ledger.findings[f"{envelope.service} {finding.field} {finding.kind}"] += 1
            return verdict
        taken = self._ledger.accept(envelope, rows, service=service, now_ms=_now_ms())
        return Answer(code=Code.OK if taken else Code.REPEATED)

    async def _plain(self, envelope: Envelope) -> bytes | Answer:
        if self._plain_allowed and envelope.data.startswith("["):
            return envelope.data.encode()
        return await self._opening.open(envelope.institution, envelope.data)


class Reception:
    """Receives posts, lets the faults strike, and answers."""

    def __init__(self, judge: Judge, *, ledger: Ledger, board: FaultBoard, shape: Shape) -> None:
        self._judge = judge
        self._ledger = ledger
        self._board = board
        self._shape = shape
        self._posts = 0
        self._attempts: Counter[str] = Counter()

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answer one post."""
        service, body = request.match_info["service"], await request.read()
        struck = self._board.strike(self._request(service, body), now_s=time.monotonic())
        self._ledger.faults.update(struck.names)
        await asyncio.sleep(struck.delay_s)
        shape, fault = struck.shape or self._shape, struck.fault
        if fault is not None and not fault.hides_judgement():
            self._ledger.faults["unjudged"] += 1
            return await spoil(Scene(request=request, fault=fault, honest=web.Response(), shape=shape))
        if request.content_type != JSON:
            self._ledger.faults["unjudged"] += 1
            return web.Response(status=415, text="请求内容类型应为application/json")
        verdict = await self._verdict(service, body)
        self._ledger.codes[str(int(verdict.code))] += 1
        honest = answer(verdict, shape)
        if fault is None:
            return honest
        if fault.kind is Kind.LATE:
            await asyncio.sleep(fault.delay_s)
        return await spoil(Scene(request=request, fault=fault, honest=honest, shape=shape))

    async def _verdict(self, service: str, body: bytes) -> Answer:
        try:
            return await self._judge.judge(service, body)
        except Exception as error:  # noqa: BLE001 - the boundary: our defect must look like one of the platform's, and be seen
            # No text and no local variables of the error: they may hold a record.
            place = traceback.extract_tb(error.__traceback__)[-1]
            log.error("judgement_failed", service=service, error=type(error).__name__, at=f"{place.name}:{place.lineno}")  # noqa: TRY400
            return Answer(code=Code.SYSTEM)

    def _request(self, service: str, body: bytes) -> Request:
        msgid, institution = peek(body)
        self._posts += 1
        self._attempts[msgid] += 1
        return Request(post=self._posts, service=service, institution=institution, msgid=msgid, attempt=self._attempts[msgid])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

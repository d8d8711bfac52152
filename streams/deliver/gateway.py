"""The platform as one call: `post` seals a batch, sends it within the limits and says what became of it. One per process."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import structlog

from streams.deliver.answer import HttpAnswer
from streams.deliver.body import body_of
from streams.deliver.breaker import Breaker, BreakerSettings, Phase, abandoned, admit, answered, unanswered
from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.key_overlap import KeyOverlap, other_seal
from streams.deliver.limits import Limits, LimitSettings, NoTurn
from streams.deliver.outage import Outage
from streams.deliver.request import Institution, check, envelope
from streams.deliver.sealing import Sealing, Sealings
from streams.deliver.throttle import FLOOR_S, Whose
from streams.deliver.throttles import OTHERS_AFTER_S, Stand, Throttles
from streams.deliver.understood import told, understood
from streams.deliver.unsent import Tls, unsent
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Throttled, Verdict
from streams.domain.batch.cut import Batch
from streams.errors import Misconfigured
from streams.spec.profiles import Profile

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """How the platform is reached."""

    url: str
    """The platform's address without the services' path."""
    timeout_s: float
    """Longest wait for one answer."""
    limits: LimitSettings
    """How much may go to it at once."""
    breaker: BreakerSettings
    """When requests stop because none is answered."""
    connect_timeout_s: float = 10.0
    """Longest wait for a connection."""
    ca_file: Path | None = None
    """Certificates of the authority that signed the platform's; None: those that this machine trusts. An unchecked certificate
    is never accepted."""
    proxy: str | None = None
    """Proxy on the way; None for none. Never taken from the environment."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent along with every request, such as an authorisation."""
    others_after_s: float = OTHERS_AFTER_S
    """So long all others stand at most where one institution is throttled: then one request of theirs finds out."""


class Gateway:
    """The platform as one call, `post`. Use it as an async context manager: entering checks every institution's key and raises
    Misconfigured where one is wrong.
    """

    def __init__(  # noqa: PLR0913 - the surroundings of a process
        self,
        settings: GatewaySettings,
        institutions: Mapping[str, Institution],
        *,
        profile: Profile,
        now: Callable[[], float] = time.monotonic,
        on_answer: Callable[[Verdict, float], None] = lambda _verdict, _seconds: None,
        on_sealed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        """institutions: by FIXMEDINS_CODE. now: seconds of a clock that never goes back. on_answer: told of every request that was
        sent, with its verdict and the seconds it took; the place to count them. on_sealed: how long a batch took to be sealed.
        """
        self._settings = settings
        self._institutions = institutions
        self._profile = profile
        self._now = now
        self._on_answer = on_answer
        self.accepted_at: float | None = None
        """Seconds since the epoch: when the platform last took a batch."""
        self._breaker = Breaker(settings=settings.breaker)
        self.limits = Limits(settings.limits, now=now)
        """What may go to it at once."""
        self._wanted: Callable[[], LimitSettings] = lambda: settings.limits
        self._outage = Outage(proxy=settings.proxy, now=now)
        self.throttles = Throttles(others=len(institutions) > 1, now=now, others_after_s=settings.others_after_s)
        """Until when whom the platform took no more of is left alone, on the clock of `now`."""
        self._tls = Tls(settings.url, proxied=settings.proxy is not None)
        self._keys = KeyOverlap()
        self._sealings = Sealings(now=now, on_sealed=on_sealed)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Check what the envelopes name and open the session."""
        _check_url(self._settings.url)
        for institution in self._institutions.values():
            check(institution, self._profile)
        self._session = _session(self._settings)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the session. Requests under way are abandoned: their outcome is unknown, and their msgids stay valid."""
        if self._session is not None:
            await self._session.close()
        self._sealings.close()

    @property
    def phase(self) -> Phase:
        """Whether the platform is thought to be there, for health and metrics."""
        return self._breaker.phase

    def limit_by(self, wanted: Callable[[], LimitSettings]) -> None:
        """Ask before each request for the limits that hold from then on."""
        self._wanted = wanted

    def prepare(self, batch: Batch, msgid: str) -> None:
        """Begin to seal a batch that is posted soon, while another one is answered. What goes wrong is told when it is posted."""
        institution = self._institutions.get(batch.institution)
        if institution is not None:
            self._sealings.of(batch, self._keys.seal_of(institution), msgid)

    async def post(self, batch: Batch, msgid: str, *, refused_before: bool = False) -> Verdict:
        """Send `batch` once and say what became of it. Never raises for what a platform or a network may do.

        refused_before: this msgid may have been refused in an answer whose record was lost; "repeated" then proves nothing.
        A msgid that is sent again within this process carries the same sealed text. In another process the text differs, because
        encryption is randomised, and opens to the same bytes: those are what "the same content" means. Where two keys of the
        institution are live, what the platform cannot open is sealed for the other one and goes once more.
        """
        institution = self._institutions.get(batch.institution)
        if institution is None:
            message = f"records of {batch.institution} wait, but site.yaml has no such institution: add it with its name and key"
            return Held(cause=HoldCause.INSTITUTION, message=message)
        if (stand := await self.throttles.settled(batch.institution)) is not None:
            return _standing(stand)
        sealing = self._sealings.of(batch, self._keys.seal_of(institution), msgid)
        found = await self._sealed_and_sent(batch, institution, sealing, msgid, refused_before=refused_before)
        if not (isinstance(found, Held) and found.of_key) or (other := other_seal(institution, sealing.seal)) is None:
            return found
        again = self._sealings.of(batch, other, msgid)
        by_other = await self._sealed_and_sent(batch, institution, again, msgid, refused_before=refused_before)
        if isinstance(by_other, Accepted | Refused):
            self._keys.opened(institution, other)
        return found if isinstance(by_other, Held) and by_other.cause is HoldCause.SEAL else by_other

    async def _sealed_and_sent(
        self, batch: Batch, institution: Institution, sealing: Sealing, msgid: str, *, refused_before: bool
    ) -> Verdict:
        try:
            await self._sealings.wait(sealing, msgid)
        except Exception as error:  # noqa: BLE001 - whatever the key does wrong, the records are not to blame
            logger.error("seal_failed", msgid=msgid, institution=batch.institution, error=type(error).__name__)  # noqa: TRY400 - no payload in a trace
            message = f"the key of institution {batch.institution} does not encrypt ({type(error).__name__}): `yibao keys check`"
            return Held(cause=HoldCause.SEAL, message=message, key=institution.key())
        data, key = sealing.data.result()
        body = envelope(batch, institution=institution, msgid=msgid, data=data, profile=self._profile)
        try:
            self.limits.apply(self._wanted())
            async with self.limits.turn(batch.institution, len(batch.records)):
                found = await self._within_limits(batch, msgid, body, refused_before=refused_before)
        except NoTurn as no:
            # Others may be ordered meanwhile.
            return Throttled(after_s=min(no.after_s, self._settings.limits.patience_s), whose=Whose.LIMIT)
        return replace(found, sealing_ms=sealing.waited_ms or 0, key=key) if isinstance(found, Accepted) else found

    async def _within_limits(self, batch: Batch, msgid: str, body: bytes, *, refused_before: bool) -> Verdict:
        turn = self.throttles.admit(batch.institution)
        if isinstance(turn, Stand):
            return _standing(turn)
        try:
            return await self._in_turn(batch, msgid, body, refused_before=refused_before)
        finally:
            self.throttles.leave(turn)

    async def _in_turn(self, batch: Batch, msgid: str, body: bytes, *, refused_before: bool) -> Verdict:
        self._breaker, wait_s = admit(self._breaker, self._now())
        if wait_s > 0:
            return Retry(cause=RetryCause.BREAKER_OPEN, after_s=wait_s)
        began, url = self._now(), self._settings.url.rstrip("/") + self._profile.path_of(batch.service)
        try:
            found = await self._send(url, body, refused_before=refused_before)
        except BaseException:
            self._breaker = abandoned(self._breaker, self._now())
            raise
        found, before = self._told(found, batch), self._breaker
        self._learn(found, msgid)
        self._learn_throttles(found, batch.institution, began, url)
        self._outage.tell(before, self._breaker, failed=found if isinstance(found, Retry) else None, url=url)
        self._on_answer(found, self._now() - began)
        return found

    async def _send(self, url: str, body: bytes, *, refused_before: bool) -> Verdict:
        if self._session is None:
            raise RuntimeError("the gateway is not open: use it as an async context manager")
        try:
            async with self._session.post(url, data=body, allow_redirects=False, proxy=self._settings.proxy) as response:
                answer = HttpAnswer(
                    status=response.status,
                    headers={name.lower(): value for name, value in response.headers.items()},
                    body=await body_of(response.content),
                )
        except Exception as error:  # the client's own, and whatever else an answer makes it raise
            if self._session.closed:
                raise
            last = self._breaker.phase is Phase.HALF_OPEN or self._breaker.failures + 1 >= self._settings.breaker.failures
            return await self._tls.judged(unsent(error, secure=self._tls.secure), look=last)
        self._tls.answered()
        return understood(answer, refused_before=refused_before, profile=self._profile, now=datetime.now(UTC))

    def _learn(self, found: Verdict, msgid: str) -> None:
        """What this answer means for the requests that follow."""
        match found:
            case Retry():
                self._breaker = unanswered(self._breaker, self._now())
            case Throttled():
                self._breaker = answered(self._breaker)
            case Accepted() | Refused() | Held():
                self.accepted_at = time.time() if isinstance(found, Accepted) else self.accepted_at
                # After a hold a key may be another: seal anew.
                self._sealings.forget(msgid)
                self._breaker = answered(self._breaker)

    def _learn_throttles(self, found: Verdict, institution: str, began: float, url: str) -> None:
        """The same of who takes no more. A 5xx that says when to come again (RFC 9110 §15.6.4) is a word of the same kind."""
        match found:
            case Throttled(after_s=after_s, named=named):
                pass
            case Retry(after_s=float(asked)):
                after_s, named = max(asked, FLOOR_S), asked > 0
            case Retry():
                return
            case _:
                self.throttles.answered(institution, began=began)
                return
        before, after = self.throttles.throttled(institution, after_s=after_s, named=named, began=began)
        self._outage.tell_throttled(before, after, url=url, institution=institution, throttles=self.throttles)

    def _told(self, found: Verdict, batch: Batch) -> Verdict:
        institution, service = self._institutions[batch.institution], self._profile.services[batch.service]
        return told(found, records=batch.records, service=service, key=institution.key)


def _standing(stand: Stand) -> Throttled:
    return Throttled(after_s=stand.after_s, whose=stand.whose)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Misconfigured("platform.url in site.yaml must be http(s)://host[:port][/path], without query or fragment")


def _session(settings: GatewaySettings) -> aiohttp.ClientSession:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # also ssl.SSLError
        raise Misconfigured(f"the authority's certificates in {settings.ca_file} cannot be read: {error.strerror}") from error
    return aiohttp.ClientSession(
        # `limits` counts the requests; a second, silent queue inside the connector would defeat its patience.
        connector=aiohttp.TCPConnector(limit=0, ssl=context),
        timeout=aiohttp.ClientTimeout(total=settings.timeout_s, sock_connect=settings.connect_timeout_s),
        headers={"Content-Type": "application/json; charset=utf-8", "Accept-Encoding": "identity", **settings.headers},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )

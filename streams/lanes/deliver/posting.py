"""Post one batch under one msgid until the platform has decided: the same bytes and the same id, for ever if need be."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Final, Protocol, assert_never

from streams.deliver.causes import HoldCause
from streams.deliver.throttle import Whose
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Throttled, Verdict
from streams.domain.batch.cut import Batch
from streams.lanes.deliver.health import Health
from streams.lanes.deliver.holding import Hold
from streams.lanes.deliver.tries import Decided, SetAside, Tries, may_be_taken
from streams.lanes.settings import DeliverSettings
from streams.telemetry.outcomes import Outcomes

_LOOK_AGAIN_S: Final = 1.0
_OF_OTHERS_TOO: Final = (Whose.ALL, Whose.LIMIT)
"""A wait for these passes by itself, and says nothing of the institution whose batch it is."""
_SOON_S: Final = 0.001


class Posts(Protocol):
    """The platform (`streams.deliver.gateway.Gateway`)."""

    def prepare(self, batch: Batch, msgid: str) -> None:
        """Begin with what can be done before a POST, for a batch that will be posted soon."""

    async def post(self, batch: Batch, msgid: str, *, refused_before: bool = False) -> Verdict:
        """Post once. Never raises for what a platform, a proxy or a network does."""


class Noting(Protocol):
    """Commits why the lane is held (`streams.lanes.deliver.around_posts.AroundPosts.note_held`)."""

    async def __call__(self, held: Held, *, quiet: bool, repeated: bool) -> None:
        """quiet: no try of this batch can have reached the platform. repeated: it said so of one that was the first."""


class Patience(Enum):
    """What is done while an institution is held. LANE: the lane waits. LASTING: until it is known to last and others are let in.
    NONE: the lane waits no moment.
    """

    LANE = auto()
    LASTING = auto()
    NONE = auto()


class Posting:
    """The tries of one lane, one after the other.

    confirm: called before every try with the moment (ms) since when an earlier one may have reached the platform, None where none
    can; renews an old ownership, so that a frozen owner posts nothing new after it woke.
    note: called when the lane is held.
    hold: is told when the lane waits for somebody, and when it goes on.
    until_open: waits while the platform is maintained: no try is made then, and none is counted.
    """

    def __init__(  # noqa: PLR0913 - the surroundings of a lane
        self,
        platform: Posts,
        settings: DeliverSettings,
        *,
        health: Health,
        outcomes: Outcomes,
        wall_ms: Callable[[], int],
        confirm: Callable[[int | None], Awaitable[None]],
        note: Noting,
        hold: Hold,
        until_open: Callable[[], Awaitable[None]],
    ) -> None:
        self._platform = platform
        self._settings = settings
        self._health = health
        self._outcomes = outcomes
        self._wall_ms = wall_ms
        self._confirm = confirm
        self._note = note
        self._hold = hold
        self._until_open = until_open

    async def decide(
        self,
        batch: Batch,
        msgid: str,
        *,
        unknown_since: int | None,
        repeated: bool = False,
        patience: Callable[[], Patience] = lambda: Patience.LANE,
    ) -> Decided | SetAside:
        """Post until it is accepted or refused, or as long as `patience` lasts.

        unknown_since: from when on (ms) an earlier owner may have posted this msgid, None if none did. On a platform that answers
        "repeated" to an id that it refused, "repeated" then proves nothing and holds the lane (`DeliverSettings.repeats_refused`).
        "Repeated" to an id of which no post can have been taken holds the lane until a person says whose it is
        (`DeliverSettings.first_repeated`). repeated: whether the plan was held for that before. patience: asked where it is held.
        """
        tries = Tries(unknown_since=unknown_since, may_be_taken=unknown_since is not None, repeated=repeated)
        while not self._goes_aside(tries.unknown_since, patience) and await self._turn(batch, msgid, tries, patience):
            try:
                verdict = await self._once(batch, msgid, tries)
            finally:
                self._health.leave(batch.institution)
            if isinstance(verdict, Accepted | Refused):
                self._hold.release()
                return tries.decided(verdict, self._wall_ms())
            if (aside := await self._undecided(verdict, batch, msgid, tries, patience)) is not None:
                return aside
        self._hold.release()
        return tries.aside(self._health.why(batch.institution))

    async def _undecided(
        self, verdict: Held | Retry | Throttled, batch: Batch, msgid: str, tries: Tries, patience: Callable[[], Patience]
    ) -> SetAside | None:
        """Wait until another try makes sense; or the institution is set aside, where patience has ended."""
        institution = batch.institution
        match verdict:
            case Retry():
                self._outcomes.count("retried", label=verdict.cause.value)
                if patience() is Patience.NONE:
                    return tries.aside(_unanswered(verdict))
                if not (_asks_to_wait(verdict) or self._is_aside_now(institution, patience)):
                    await asyncio.sleep(self._jitter(tries.retries, at_least=verdict.after_s or 0.0))
                    tries.retries += 1
            case Throttled():
                self._outcomes.count("throttled")
                if verdict.whose in _OF_OTHERS_TOO:
                    await asyncio.sleep(min(verdict.after_s, self._settings.max_throttle_s))
                elif patience() is Patience.NONE:
                    return tries.aside(_throttled())
            case Held():
                self._outcomes.count("held", label=verdict.cause.value)
                if self._health.is_at_fault(institution) and patience() is Patience.NONE:
                    return tries.aside(verdict)
                await self._wait(verdict, batch, msgid, tries)
            case never:
                assert_never(never)
        return None

    def _goes_aside(self, unknown_since: int | None, patience: Callable[[], Patience]) -> bool:
        """Whether the platform may have forgotten an outcome: a person is asked, and the others need not wait for that."""
        memory_s = self._settings.msgid_memory_s
        if not memory_s or unknown_since is None or not self._health.sets_aside:
            return False
        return (self._wall_ms() - unknown_since) // 1000 > memory_s and patience() is Patience.LASTING

    def _is_aside_now(self, institution: str, patience: Callable[[], Patience]) -> bool:
        return self._health.is_lasting(institution) and patience() is Patience.LASTING

    async def _turn(self, batch: Batch, msgid: str, tries: Tries, patience: Callable[[], Patience]) -> bool:
        """Wait until a POST of the institution makes sense, and take the turn to make it; False where patience ends before."""
        health, institution = self._health, batch.institution
        await self._until_open()
        while health.is_at_fault(institution):
            how = patience()
            if how is Patience.NONE:  # the turn was taken before
                return True
            if how is Patience.LASTING and health.is_lasting(institution):
                return False
            if health.probe(institution):
                return True
            held = health.why(institution)
            if held is not None and held is not tries.heard and held.cause is not HoldCause.THROTTLED:  # another lane heard it
                self._hold.wait(held, batch, msgid)
                await self._note(held, quiet=tries.unknown_since is None, repeated=False)
            await health.mended(institution, within_s=max(min(health.wait_s(institution), _LOOK_AGAIN_S), _SOON_S))
        return True

    async def _once(self, batch: Batch, msgid: str, tries: Tries) -> Verdict:
        await self._confirm(tries.unknown_since)
        tries.begin(self._wall_ms())
        refused_before = tries.unknown_since is not None and self._settings.repeats_refused
        verdict = await self._platform.post(batch, msgid, refused_before=refused_before)
        if isinstance(verdict, Accepted) and verdict.repeated and self._is_in_doubt(tries):
            tries.repeated, verdict = True, _of_somebody_else(verdict)
            tries.doubt()
        tries.may_be_taken = tries.may_be_taken or may_be_taken(verdict)
        if isinstance(verdict, Accepted | Refused):
            self._health.answered(batch.institution)
        if isinstance(verdict, Retry):
            self._is_unanswered(verdict, batch.institution, tries)
        if isinstance(verdict, Throttled) and verdict.whose not in _OF_OTHERS_TOO:
            self._is_throttled(batch.institution, _throttled(), verdict.after_s, again=verdict.whose is Whose.ANSWER)
        if isinstance(verdict, Held):
            if verdict.leaves_open:
                tries.doubt()
            tries.heard = verdict
            if verdict.of_institution:
                self._health.failed(batch.institution, verdict)
            elif verdict.cause is HoldCause.ADDRESS:  # a gateway may have a route for each of them
                self._health.unanswered(batch.institution, verdict, took_s=0.0)
        return verdict

    def _is_in_doubt(self, tries: Tries) -> bool:
        """Whether "repeated" may be said of another sender's records. A restart proves nothing: who died may have heard it, too."""
        return not self._settings.first_repeated and (tries.repeated or not tries.may_be_taken)

    def _is_unanswered(self, retry: Retry, institution: str, tries: Tries) -> None:
        """Nobody knows what became of a POST, or it could not be made."""
        if not retry.may_have_arrived:
            self._health.postpone(institution)
            return
        tries.doubt()
        if _asks_to_wait(retry):
            self._is_throttled(institution, _throttled(retry), retry.after_s or 0.0, again=True)
            return
        took_s = (self._wall_ms() - tries.posted_at) / 1000
        self._health.unanswered(institution, _unanswered(retry), took_s=max(0.0, took_s))

    def _is_throttled(self, institution: str, held: Held, after_s: float, *, again: bool) -> None:
        """The turn to try it again is waited for, as that of one that is held."""
        self._health.throttled(institution, held, after_s=min(after_s, self._settings.max_throttle_s), again=again)

    async def _wait(self, held: Held, batch: Batch, msgid: str, tries: Tries) -> None:
        self._hold.wait(held, batch, msgid)
        await self._note(held, quiet=held.took_nothing and tries.unknown_since is None, repeated=tries.repeated)
        if not held.of_institution:  # for the others, the turn is waited for
            await asyncio.sleep(min(self._settings.probe_s * 2.0**tries.probes, self._settings.max_probe_s))
            tries.probes = min(tries.probes + 1, 16)

    def _jitter(self, retries: int, *, at_least: float) -> float:
        """Full jitter: anything from nothing to the bound, so that many lanes do not come back together."""
        bound = min(self._settings.first_retry_s * 2.0 ** min(retries, 16), self._settings.max_retry_s)
        return max(at_least, bound * random.random())  # noqa: S311 - spreads load, guards nothing


def _asks_to_wait(retry: Retry) -> bool:
    """Whether the answer itself says when to come again: HTTP 503 may."""
    return retry.may_have_arrived and retry.after_s is not None


def _throttled(retry: Retry | None = None) -> Held:
    """That no more of an institution is taken for now. retry: the answer, where its outcome is open."""
    if retry is None:
        return Held(cause=HoldCause.THROTTLED, http_status=429, message="the platform takes no more for now")
    words = f"HTTP {retry.http_status} asks to come again later"
    return Held(cause=HoldCause.THROTTLED, code=retry.code, http_status=retry.http_status, message=words)


def _unanswered(retry: Retry) -> Held:
    """That it stays unknown what becomes of an institution's POSTs."""
    words = f"{retry.cause.value}: {retry.words}" if retry.words else retry.cause.value
    return Held(cause=HoldCause.UNANSWERED, code=retry.code, http_status=retry.http_status, message=words)


def _of_somebody_else(said: Accepted) -> Held:
    message = (
        f"{said.code} on the first post of a msgid that nobody here can have posted before: "
        "another sender uses it, or something on the way posts twice"
    )
    return Held(cause=HoldCause.REPEATED_UNPOSTED, code=said.code, message=message)

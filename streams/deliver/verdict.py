"""What the answer to a POST means for the lane and its records: one pure decision.

| answer                                                     | verdict   | lane                                | record      |
|------------------------------------------------------------|-----------|-------------------------------------|-------------|
| 200; 40005 on a msgid that was never seen refused          | Accepted  | goes on                             | receipt     |
| 40000, 40001, 40003, an unknown code from 40000 on         | Refused   | finds the record                    | dead letter |
| 40002, 40004, 40006, HTTP 401/403/404, a redirect, …       | Held      | stands, alarm, probes with back-off | untouched   |
| 50000, HTTP 5xx, time-out, no connection, no code, HTML    | Retry     | the same again, same msgid          | untouched   |
| 429, "too frequent"                                        | Throttled | waits                               | untouched   |
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from streams.deliver.answer import HttpAnswer, Said, read_body, retry_after_s
from streams.spec.answers import AnswerClass
from streams.spec.masking import mask_text
from streams.spec.profiles import Profile

MAX_WAIT_S = 300.0
"""The longest wait that a platform can impose; one that asks for more is asked again after this."""

DEFAULT_THROTTLE_S = 5.0
"""Wait after a 429 that names none."""

_TOO_FREQUENT = re.compile(r"too (frequent|many requests)|rate.?limit|限流|(请求|访问|调用|操作|提交|过于|太)频繁", re.IGNORECASE)
_GATEWAY_DENIES = re.compile(r"40[13]$")
# No redirect is followed: whoever answers there has not been told to us. The others are limits of a proxy in front.
_WRONG_ADDRESS = frozenset({301, 302, 303, 307, 308, 405, 407, 411, 415, 421})
_TOO_LARGE = frozenset({413, 414, 431})


class HoldCause(StrEnum):
    """Why a lane is held until a person has changed something. The records are not at fault."""

    ANSWER_CODE = "answer_code"
    AUTHORISATION = "authorisation"
    ADDRESS = "address"
    PROXY_LIMIT = "proxy_limit"
    CERTIFICATE = "certificate"
    INSTITUTION = "institution"
    SEAL = "seal"
    REPEATED_AFTER_REFUSAL = "repeated_after_refusal"


class RetryCause(StrEnum):
    """Why the outcome of a POST is unknown. SERVER_ERROR: HTTP 5xx. CONTRADICTION: a success with an error text or status.
    UNREACHABLE: no connection came about. BREAKER_OPEN: none was tried.
    """

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    CONNECTION = "connection"
    SERVER_ERROR = "server_error"
    ANSWER_CODE = "answer_code"
    NO_CODE = "no_code"
    GATEWAY = "gateway"
    CONTRADICTION = "contradiction"
    BREAKER_OPEN = "breaker_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The platform has the batch."""

    code: str
    """The platform's code."""
    repeated: bool
    """Whether it says that it had the batch before (40005)."""
    sealing_ms: int = field(default=0, compare=False)
    """Time that was waited for encrypting it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The platform does not take this content."""

    code: str
    http_status: int
    message: str
    """The platform's words, masked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Our configuration, key or permission is wrong, or the platform's."""

    cause: HoldCause
    message: str
    """What is wrong and where, masked."""
    code: str = ""
    http_status: int | None = None

    @property
    def took_nothing(self) -> bool:
        """Whether it is sure that the platform took nothing of this POST: it was not sent, or the signature, the key or the
        registration was refused before anything was looked at.
        """
        unsent = (HoldCause.INSTITUTION, HoldCause.SEAL, HoldCause.CERTIFICATE)
        return self.cause in unsent or self.code in ("40002", "40006")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Nobody knows whether the platform has the batch."""

    cause: RetryCause
    after_s: float | None = None
    """Wait at least so long; None where nothing asks for it."""
    code: str = ""
    http_status: int | None = None
    error: str = field(default="", compare=False)
    """Type of the error that the client met; `""` for none."""

    @property
    def may_have_arrived(self) -> bool:
        """Whether a part of the request may have reached the platform. Only then does it matter how long the platform remembers its
        msgid.
        """
        return self.cause not in (RetryCause.BREAKER_OPEN, RetryCause.UNREACHABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """The platform, or a limit of ours, takes no more for now."""

    after_s: float


Verdict: TypeAlias = Accepted | Refused | Held | Retry | Throttled


def verdict(answer: HttpAnswer, *, refused_before: bool, profile: Profile, now: datetime) -> Verdict:
    """What `answer` means. refused_before: this msgid may have been refused earlier, in an answer that was not recorded.

    The HTTP status decides first, then the code in the body; for a code that has no meaning of its own, its text decides.
    """
    return _by_status(answer, now) or _by_body(
        answer, read_body(answer.body, profile), profile=profile, now=now, refused_before=refused_before
    )


def _by_status(answer: HttpAnswer, now: datetime) -> Verdict | None:
    status = answer.status
    wait_s = retry_after_s(answer.headers, now=now, most_s=MAX_WAIT_S)
    if status == 429:
        return Throttled(after_s=DEFAULT_THROTTLE_S if wait_s is None else wait_s)
    if status in (401, 403):
        message = f"the platform answers HTTP {status}: it does not let us in; check authorisation and the permitted addresses"
        return Held(cause=HoldCause.AUTHORISATION, http_status=status, message=message)
    if status == 404:
        message = "the platform answers HTTP 404: check platform.url in site.yaml and the services that the platform offers"
        return Held(cause=HoldCause.ADDRESS, http_status=status, message=message)
    if status >= 500:
        return Retry(cause=RetryCause.SERVER_ERROR, http_status=status, after_s=wait_s)
    return None


def _by_body(  # noqa: PLR0911 - one return per class of answer is what this is
    answer: HttpAnswer, said: Said, *, refused_before: bool, profile: Profile, now: datetime
) -> Verdict:
    if said.code is None:
        return _without_code(answer, said, now)
    known = profile.answers.get(said.code)
    kind = profile.classify(said.code)
    says_nothing = known is None or kind is AnswerClass.RETRY or said.code == profile.general_code
    if kind is not AnswerClass.ACCEPTED and says_nothing and _TOO_FREQUENT.search(said.text):
        return _throttled(answer, now)
    words = mask_text(said.text) or (known.meaning if known else "")
    code = str(said.code)
    match kind:
        case AnswerClass.ACCEPTED if said.complaint or not 200 <= answer.status < 300:
            return Retry(cause=RetryCause.CONTRADICTION, code=code, http_status=answer.status)
        case AnswerClass.ACCEPTED:
            return Accepted(code=code, repeated=False)
        case AnswerClass.REPEATED if refused_before:
            message = f"{code} on a msgid that was refused before: ask the platform whether it has the batch. It says: {words}"
            return Held(cause=HoldCause.REPEATED_AFTER_REFUSAL, code=code, http_status=answer.status, message=message)
        case AnswerClass.REPEATED:
            return Accepted(code=code, repeated=True)
        case AnswerClass.REFUSED:
            return Refused(code=code, http_status=answer.status, message=words)
        case AnswerClass.HELD:
            message = f"{words}（{known.remedy}）" if known else words
            return Held(cause=HoldCause.ANSWER_CODE, code=code, http_status=answer.status, message=message)
        case AnswerClass.RETRY:
            return Retry(cause=RetryCause.ANSWER_CODE, code=code, http_status=answer.status)


def _without_code(answer: HttpAnswer, said: Said, now: datetime) -> Verdict:
    status = answer.status
    if _TOO_FREQUENT.search(said.text):
        return _throttled(answer, now)
    if _GATEWAY_DENIES.search(said.gateway_code):
        message = f"a gateway in front of the platform does not let us in: {mask_text(said.gateway_code)} {mask_text(said.text)}"
        return Held(cause=HoldCause.AUTHORISATION, http_status=status, message=message.strip())
    if status in _WRONG_ADDRESS:
        message = (
            f"HTTP {status} and no answer: check platform.url in site.yaml (scheme, host, path, proxy); no redirect is followed"
        )
        return Held(cause=HoldCause.ADDRESS, http_status=status, message=message)
    if status in _TOO_LARGE:
        message = (
            f"HTTP {status}: something in front of the platform limits the size of a request; lower platform.max_chars in site.yaml"
        )
        return Held(cause=HoldCause.PROXY_LIMIT, http_status=status, message=message)
    return Retry(cause=RetryCause.GATEWAY if said.gateway_code else RetryCause.NO_CODE, http_status=status)


def _throttled(answer: HttpAnswer, now: datetime) -> Throttled:
    wait_s = retry_after_s(answer.headers, now=now, most_s=MAX_WAIT_S)
    return Throttled(after_s=DEFAULT_THROTTLE_S if wait_s is None else wait_s)

"""What the answer to a POST means for the lane and its records: one pure decision.

| answer                                                     | verdict   | lane                                | record      |
|------------------------------------------------------------|-----------|-------------------------------------|-------------|
| 200; 40005 on a msgid that was never seen refused          | Accepted  | goes on                             | receipt     |
| 40000, 40001, 40003                                        | Refused   | finds the record                    | dead letter |
| 40002, 40004, 40006, HTTP 401/403/404, a redirect, …       | Held      | stands, alarm, probes with back-off | untouched   |
| a code that no table knows; an answer that contradicts     | Held      | the same; the outcome is unknown    | untouched   |
| itself: two codes, a member twice, a code further inside,  |           |                                     |             |
| success and failure at once (at any depth, also HTTP 202   |           |                                     |             |
| or 5xx), a code beside a redirect; one that is not read    |           |                                     |             |
| 50000, HTTP 5xx, time-out, no connection, no code, a page  | Retry     | the same again, same msgid          | untouched   |
| 429, "too frequent"                                        | Throttled | waits, longer each time; where it   | untouched   |
|                                                            |           | is one institution's, that one does |             |

The codes are those of `spec.answers`, with what a site adds to them (`platform.answers`) in the same table (`Profile.answers`).
An answer that contradicts itself comes first: nothing of it is believed, whatever its code.

A hold may be one institution's own (`Held.of_institution`: a key, a registration, a permission, an answer to its batch) or the
site's (the way there: address, certificate, TLS). The first sets that institution aside where others are let in.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from streams.deliver.address import redirected_to
from streams.deliver.answer import HttpAnswer, Said, read_body, shown_code
from streams.deliver.causes import NOTHING_SENT, OF_THE_SITE, OUTCOME_UNKNOWN, HoldCause, RetryCause
from streams.deliver.contradiction import contradiction
from streams.deliver.remedies import REMEDIES
from streams.deliver.throttle import MAX_WAIT_S, Whose, retry_after_s, wait_of
from streams.spec.answers import AnswerClass
from streams.spec.masking import mask_text
from streams.spec.profiles import Profile

_TOO_FREQUENT = re.compile(r"too (frequent|many requests)|rate.?limit|限流|(请求|访问|调用|操作|提交|过于|太)频繁", re.IGNORECASE)
_GATEWAY_DENIES = re.compile(r"40[13]$")
# No redirect is followed: whoever answers there has not been told to us. The others are limits of a proxy in front.
_WRONG_ADDRESS = frozenset({301, 302, 303, 307, 308, 405, 407, 411, 415, 421})
_TOO_LARGE = frozenset({413, 414, 431})
# What servers say to http on a port of theirs that speaks TLS: nginx, Apache, Go, Tomcat.
_WANTS_TLS = re.compile(
    rb"plain HTTP request was sent to HTTPS|speaking plain HTTP to an SSL|HTTP request to an HTTPS server|requires TLS",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The platform has the batch."""

    code: str
    """The platform's code."""
    repeated: bool
    """Whether it says that it had the batch before (40005)."""
    sealing_ms: int = field(default=0, compare=False)
    """Time that was waited for encrypting it."""
    key: str = field(default="", compare=False)
    """Fingerprint of the public key that it was encrypted for; `""` where it was not."""


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
    """Why."""
    message: str
    """What is wrong and where, masked."""
    code: str = ""
    """The platform's code; `""` for none."""
    http_status: int | None = None
    """Of the answer; None where none came."""
    remedy: str = field(default="", compare=False)
    """What mends it, where more is known than `remedies` says of the cause; `""` where not."""
    key: str = field(default="", compare=False)
    """File and fingerprint of the institution's public key, where that may be at fault; `""` where not."""

    @property
    def took_nothing(self) -> bool:
        """Whether it is sure that the platform took nothing of this POST: it was not sent, or the signature, the key or the
        registration was refused before anything was looked at.
        """
        return self.cause in _UNSENT or (self.cause is HoldCause.ANSWER_CODE and self.code in ("40002", "40006"))

    @property
    def of_institution(self) -> bool:
        """Whether it may be the fault of one institution, or of its records: another one's may well be taken."""
        return self.cause not in OF_THE_SITE

    @property
    def of_key(self) -> bool:
        """Whether the platform cannot open what this institution's key sealed: it may be another institution's."""
        return self.cause is HoldCause.ANSWER_CODE and self.code == "40006"

    @property
    def leaves_open(self) -> bool:
        """Whether the platform may have taken the batch, or refused it: its answer cannot be understood."""
        return self.cause in OUTCOME_UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Nobody knows whether the platform has the batch."""

    cause: RetryCause
    """Why."""
    after_s: float | None = None
    """Wait at least so long; None where nothing asks for it."""
    code: str = ""
    """The code of the platform or of a gateway; `""` for none."""
    http_status: int | None = None
    """Of the answer; None where none came."""
    error: str = field(default="", compare=False)
    """Type of the error that the client met; `""` for none."""
    words: str = field(default="", compare=False)
    """What the answer says, masked, and of one without a code also its shape; of no answer, what came instead."""

    @property
    def may_have_arrived(self) -> bool:
        """Whether a part of the request may have reached the platform. Only then does it matter how long the platform remembers its
        msgid.
        """
        return self.cause not in NOTHING_SENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """The platform, or a limit of ours, takes no more for now."""

    after_s: float
    named: bool = field(default=True, compare=False)
    """Whether somebody set this wait; if not, it grows while nothing changes (`throttle`)."""
    whose: Whose = field(default=Whose.ANSWER, compare=False)
    """Who takes no more, or lets no more go."""


Verdict: TypeAlias = Accepted | Refused | Held | Retry | Throttled


_UNSENT = frozenset(
    {
        HoldCause.INSTITUTION,
        HoldCause.SEAL,
        HoldCause.CERTIFICATE,
        HoldCause.TLS_NOT_SPOKEN,
        HoldCause.TLS_TOO_OLD,
        HoldCause.TLS_FAILED,
    }
)


def verdict(answer: HttpAnswer, *, refused_before: bool, profile: Profile, now: datetime) -> Verdict:
    """What `answer` means. refused_before: this msgid may have been refused earlier, in an answer that was not recorded.

    The HTTP status decides first, then whether the body contradicts itself, then its code; for a code that has no meaning of its
    own, its text decides.
    """
    said = read_body(answer.body, profile)
    if (found := _by_status(answer, said, profile, now)) is not None:
        return found
    if said.code is None:
        return _without_code(answer, said, now)
    return _contradicting(answer, said, profile) or _by_code(
        answer, said, said.code, profile=profile, now=now, refused_before=refused_before
    )


def _by_status(answer: HttpAnswer, said: Said, profile: Profile, now: datetime) -> Verdict | None:
    status = answer.status
    if status == 429:
        return _throttled(answer, now)
    if status in (401, 403):
        message = f"the platform answers HTTP {status}: it does not let us in; check authorisation and the permitted addresses"
        return Held(cause=HoldCause.AUTHORISATION, http_status=status, message=message)
    if status == 404:
        message = "the platform answers HTTP 404: check platform.url in site.yaml and the services that the platform offers"
        return Held(cause=HoldCause.ADDRESS, http_status=status, message=message)
    if status >= 500 and (said.code is None or profile.classify(said.code) is not AnswerClass.ACCEPTED):
        wait_s = retry_after_s(answer.headers, now=now, most_s=MAX_WAIT_S)
        return Retry(cause=RetryCause.SERVER_ERROR, http_status=status, after_s=wait_s, words=_words(said))
    if status >= 400 and _WANTS_TLS.search(answer.body):
        message = "http:// is spoken to a port that wants TLS, as the server itself says"
        return Held(cause=HoldCause.TLS_WANTED, http_status=status, message=message)
    return None


def _contradicting(answer: HttpAnswer, said: Said, profile: Profile) -> Held | None:
    """The hold of an answer that says two things at once, or says its one thing where none was to be expected."""
    found = contradiction(answer, said, profile)
    if found is None:
        return None
    assert said.code is not None
    cause, why = found
    return Held(cause=cause, code=shown_code(said.code), http_status=answer.status, message=_saying(why, _words(said)))


def _by_code(  # noqa: PLR0911, PLR0913 - one return per class of answer is what this is
    answer: HttpAnswer, said: Said, code: str, *, refused_before: bool, profile: Profile, now: datetime
) -> Verdict:
    known, kind, status = profile.answers.get(code), profile.classify(code), answer.status
    says_nothing = kind in (AnswerClass.RETRY, AnswerClass.UNKNOWN) or code == profile.general_code
    if says_nothing and _TOO_FREQUENT.search(said.text):
        return _throttled(answer, now)
    if kind is AnswerClass.ACCEPTED:
        return Accepted(code=code, repeated=False)
    meaning = known.meaning if known else ""
    words = _words(said) or f"code {shown_code(code)} and no words{f'; in the interface it means {meaning}' if meaning else ''}"
    match kind:
        case AnswerClass.REPEATED if refused_before:
            message = f"{code} on a msgid that was refused before: ask the platform whether it has the batch. It says: {words}"
            return Held(cause=HoldCause.REPEATED_AFTER_REFUSAL, code=code, http_status=status, message=message)
        case AnswerClass.REPEATED:
            return Accepted(code=code, repeated=True)
        case AnswerClass.REFUSED:
            return Refused(code=code, http_status=status, message=_words(said) or meaning)
        case AnswerClass.HELD:
            mend = f"{REMEDIES[HoldCause.ANSWER_CODE]}; the interface says: {known.remedy}" if known and known.remedy else ""
            return Held(cause=HoldCause.ANSWER_CODE, code=code, http_status=status, message=words, remedy=mend)
        case AnswerClass.RETRY:
            return Retry(cause=RetryCause.SYSTEM_ERROR, code=code, http_status=status, words=words)
        case AnswerClass.UNKNOWN:
            message = _saying(f"no table knows code {shown_code(code)}", _words(said))
            return Held(cause=HoldCause.UNKNOWN_CODE, code=shown_code(code), http_status=status, message=message)


def _without_code(answer: HttpAnswer, said: Said, now: datetime) -> Verdict:
    status = answer.status
    if _TOO_FREQUENT.search(said.text):
        return _throttled(answer, now)
    if _GATEWAY_DENIES.search(said.gateway_code):
        message = f"a gateway in front of the platform does not let us in: {mask_text(said.gateway_code)} {mask_text(said.text)}"
        return Held(cause=HoldCause.AUTHORISATION, http_status=status, message=message.strip())
    if 300 <= status < 400 and status in _WRONG_ADDRESS:
        message = f"HTTP {status}: a redirect to {redirected_to(answer.headers)}, which is not followed"
        return Held(cause=HoldCause.ADDRESS, http_status=status, message=message)
    if status in _WRONG_ADDRESS:
        message = f"HTTP {status} and no answer: check platform.url in site.yaml (scheme, host, path, proxy)"
        return Held(cause=HoldCause.ADDRESS, http_status=status, message=message)
    if status in _TOO_LARGE:
        message = f"HTTP {status}: something in front of the platform takes no request of this size"
        return Held(cause=HoldCause.PROXY_LIMIT, http_status=status, message=message)
    if said.page:
        cause = RetryCause.LOGIN_PAGE if said.login else RetryCause.PAGE
    else:
        cause = RetryCause.GATEWAY if said.gateway_code else RetryCause.NO_CODE
    words = _words(said)
    if cause is RetryCause.NO_CODE:
        words = _saying("HTTP 204, which has no body" if status == 204 else said.shape, words)
    return Retry(cause=cause, http_status=status, code=shown_code(said.gateway_code) if said.gateway_code else "", words=words)


def _throttled(answer: HttpAnswer, now: datetime) -> Throttled:
    after_s, named = wait_of(answer.headers, now=now)
    return Throttled(after_s=after_s, named=named)


def _words(said: Said) -> str:
    return mask_text(said.text)


def _saying(why: str, words: str) -> str:
    return f"{why}. It says: {words}" if words else why

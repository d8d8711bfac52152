"""Why a lane waits: the words that stand in events, holds and counts. Each has a line in docs/operations.md and a remedy."""

from enum import StrEnum


class HoldCause(StrEnum):
    """Why a lane is held until a person has changed something. The records are not at fault.

    TWO_CODES to UNREAD_ANSWER: the platform answered, and nobody can say what became of the batch.
    UNANSWERED: what becomes of one institution's POSTs stays unknown, while others are answered. THROTTLED: no more of it is taken.
    TLS_NOT_SPOKEN: https where there is no TLS. TLS_WANTED: http where there is. TLS_TOO_OLD, TLS_FAILED: no common ground.
    """

    ANSWER_CODE = "answer_code"
    AUTHORISATION = "authorisation"
    ADDRESS = "address"
    PROXY_LIMIT = "proxy_limit"
    CERTIFICATE = "certificate"
    INSTITUTION = "institution"
    SEAL = "seal"
    REPEATED_AFTER_REFUSAL = "repeated_after_refusal"
    REPEATED_UNPOSTED = "repeated_unposted"
    UNANSWERED = "unanswered"
    THROTTLED = "throttled"
    UNKNOWN_CODE = "unknown_code"
    TWO_CODES = "two_codes"
    DOUBLED_MEMBER = "doubled_member"
    CODE_INSIDE = "code_inside"
    MIXED_ANSWER = "mixed_answer"
    REDIRECT_ANSWERED = "redirect_answered"
    JSON_IN_STRING = "json_in_string"
    UNREAD_ANSWER = "unread_answer"
    TLS_NOT_SPOKEN = "tls_not_spoken"
    TLS_WANTED = "tls_wanted"
    TLS_TOO_OLD = "tls_too_old"
    TLS_FAILED = "tls_failed"


OUTCOME_UNKNOWN = frozenset(
    {
        HoldCause.UNANSWERED,
        HoldCause.UNKNOWN_CODE,
        HoldCause.TWO_CODES,
        HoldCause.DOUBLED_MEMBER,
        HoldCause.CODE_INSIDE,
        HoldCause.MIXED_ANSWER,
        HoldCause.REDIRECT_ANSWERED,
        HoldCause.JSON_IN_STRING,
        HoldCause.UNREAD_ANSWER,
    }
)
"""Holds whose answer leaves open whether the platform has the batch."""

OF_THE_SITE = frozenset(
    {
        HoldCause.ADDRESS,
        HoldCause.CERTIFICATE,
        HoldCause.TLS_NOT_SPOKEN,
        HoldCause.TLS_WANTED,
        HoldCause.TLS_TOO_OLD,
        HoldCause.TLS_FAILED,
    }
)
"""Holds for the way to the platform, which all institutions share."""


class RetryCause(StrEnum):
    """Why the outcome of a POST is unknown, where that may pass by itself. SERVER_ERROR: HTTP 5xx. SYSTEM_ERROR: 50000, and
    what a site says of other codes. LOGIN_PAGE, PAGE: a page for
    people. HANDSHAKE: closed while TLS was agreed on. UNREACHABLE: no connection came about. BREAKER_OPEN: none was tried.
    """

    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    UNKNOWN_HOST = "unknown_host"
    HANDSHAKE = "handshake"
    CONNECTION = "connection"
    SERVER_ERROR = "server_error"
    SYSTEM_ERROR = "system_error"
    NO_CODE = "no_code"
    LOGIN_PAGE = "login_page"
    PAGE = "page"
    GATEWAY = "gateway"
    BREAKER_OPEN = "breaker_open"


NOTHING_SENT = frozenset({RetryCause.BREAKER_OPEN, RetryCause.UNREACHABLE, RetryCause.UNKNOWN_HOST, RetryCause.HANDSHAKE})
"""Retries of what cannot have reached the platform."""

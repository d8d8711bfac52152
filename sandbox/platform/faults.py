"""Faults on demand: what goes wrong on the way to the platform, in front of it and inside it.

Which request a fault strikes is a pure function of seed, fault, msgid and how often that msgid was posted: one run's faults do not
depend on the order in which concurrent requests happen to arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from hashlib import blake2b
from typing import ClassVar

import orjson
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from sandbox.platform.answers import Shape
from streams.wording import in_words, nearest


class Kind(StrEnum):
    """What a fault does.

    LOST: the connection is closed instead of an answer. LATE: the answer comes after `delay_s`. CUT: the answer breaks off.
    HTML: a page with HTTP 200. SYSTEM: 50000. HTTP: HTTP `status`. GATEWAY: the JSON error of a gateway in front.
    ZERO: code 0 with a non-empty err_msg. CODE: `code`, which the interface does not name. CONTRADICTION: an answer that says two
    things. STRING: the honest answer as text of a JSON string. LOGIN: a login page with HTTP 200.
    THROTTLED: 429. OUTAGE: nothing is there. UNAUTHORISED: 40002. WRONG_KEY: 40006.
    SLOW and SHAPE change an answer (its time, its form) and go together with everything else.
    """

    LOST = "lost"
    LATE = "late"
    CUT = "cut"
    HTML = "html"
    SYSTEM = "system_error"
    HTTP = "http_error"
    GATEWAY = "gateway_error"
    ZERO = "zero_code"
    CODE = "strange_code"
    CONTRADICTION = "contradiction"
    STRING = "json_in_string"
    LOGIN = "login_page"
    THROTTLED = "throttled"
    OUTAGE = "outage"
    UNAUTHORISED = "unauthorised"
    WRONG_KEY = "wrong_key"
    SLOW = "slow"
    SHAPE = "shape"


MODIFIERS = frozenset({Kind.SLOW, Kind.SHAPE})
_JUDGED_BY_DEFAULT = frozenset({Kind.LOST, Kind.LATE, Kind.CUT, Kind.STRING})
_MAY_BE_JUDGED = _JUDGED_BY_DEFAULT | {Kind.HTML, Kind.SYSTEM, Kind.HTTP, Kind.CODE, Kind.CONTRADICTION}
_FORMS = {
    Kind.THROTTLED: ("seconds", "date", "none", "absurd"),
    Kind.OUTAGE: ("503", "reset", "refuse"),
    Kind.CONTRADICTION: ("two_codes", "twice", "failure", "inside", "redirect", "deep", "partly", "later"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, and which requests it strikes."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: Kind
    """What it does."""
    probability: float = 1.0
    """Of striking a request, from 0 to 1."""
    from_s: float = 0.0
    """It begins so many seconds after it was set."""
    for_s: float | None = None
    """It lasts so long; None: for good."""
    every_s: float | None = None
    """It begins again at this interval; None: once."""
    times: int | None = None
    """It strikes at most so often; None: without limit."""
    service: str | None = None
    """It strikes only requests of this service; None: of all."""
    institution: str | None = None
    """It strikes only requests of this institution; None: of all."""
    judged: bool | None = None
    """The request is judged, and accepted if it is right, before the fault hides the answer. None: true for LOST, LATE, CUT,
    STRING."""
    delay_s: float = 0.0
    """Of LATE: the delay. Of SLOW: the shortest delay, which most are near to."""
    delay_max_s: float | None = None
    """Of SLOW: the longest delay."""
    status: int = 503
    """Of HTTP: the status."""
    retry_after_s: int | None = None
    """Of THROTTLED and HTTP: seconds that it asks to wait; None: 1, and none of HTTP. 0, or a date in the past with less, asks for
    nothing."""
    code: int = 40_999
    """Of CODE: the code."""
    form: str | None = None
    """Of THROTTLED: `seconds`, `date`, `none`, or `absurd` (a date beyond all calendars). Of CONTRADICTION: `two_codes`, `twice`,
    `failure`, `inside`, `redirect`, `deep` (a refusal in a list further inside), `partly`, `later` (HTTP 202). Of OUTAGE: `503`,
    `reset` (accept, then abort) or `refuse` (nobody listens; needs for_s). Of SHAPE: `<name>` or `<name>/text`, with a name of
    code, infcode, status, resultCode."""

    def __post_init__(self) -> None:
        """Refuse what would never strike or could not be undone."""
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability {self.probability} of {self.kind}: write a number from 0 to 1")
        if self.judged and self.kind not in _MAY_BE_JUDGED:
            raise ValueError(f"{self.kind} cannot hide a judgement; judged is for {', '.join(sorted(_MAY_BE_JUDGED))}")
        if self.judged is False and self.kind in {Kind.LATE, Kind.CUT, Kind.STRING}:
            raise ValueError(f"{self.kind} needs an answer to spoil; leave judged out")
        allowed = _FORMS.get(self.kind)
        if allowed and self.form is not None and self.form not in allowed:
            raise ValueError(f"form {self.form!r} of {self.kind}: use one of {', '.join(allowed)}")
        if self.form == "refuse" and (self.for_s is None or self.every_s is not None):
            raise ValueError("an outage that refuses connections closes this control page too; give it for_s, and no every_s")
        if self.kind is Kind.SHAPE:
            self.shape()

    def hides_judgement(self) -> bool:
        """Whether a request that this fault strikes is judged all the same."""
        return self.kind in _JUDGED_BY_DEFAULT if self.judged is None else self.judged

    def is_open(self, since_set_s: float) -> bool:
        """Whether its window is open so many seconds after it was set."""
        if since_set_s < self.from_s:
            return False
        if self.for_s is None:
            return True
        inside = since_set_s - self.from_s
        return (inside % self.every_s if self.every_s else inside) < self.for_s

    def concerns(self, service: str, institution: str) -> bool:
        """Whether it strikes requests of this service and institution."""
        return self.service in (None, service) and self.institution in (None, institution)

    def shape(self) -> Shape:
        """The shape of an answer that a SHAPE fault writes."""
        name, _, kind = (self.form or "code").partition("/")
        if kind not in ("", "text", "int"):
            raise ValueError(f"form {self.form!r} of shape: write <name>, <name>/int or <name>/text")
        return Shape(code_name=name, code_as_text=kind == "text", text_name="err_msg" if name == "infcode" else "message")


FAULTS: TypeAdapter[tuple[Fault, ...]] = TypeAdapter(tuple[Fault, ...])
"""Faults as JSON; unknown members are errors."""


def read_faults(text: bytes) -> tuple[Fault, ...]:
    """The faults of a JSON list, or the one of a JSON object. Raises ValueError saying where what is wrong."""
    try:
        order = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"faults are not JSON: line {error.lineno}, column {error.colno}") from error
    orders = order if isinstance(order, list) else [order]
    try:
        return FAULTS.validate_python(orders)
    except ValidationError as error:
        raise ValueError("; ".join(_wrong(each) for each in error.errors(include_url=False))) from error


def _wrong(detail: ErrorDetails) -> str:
    """`fault 2: times must be …`"""
    number, *names = detail["loc"]
    what = in_words(detail["type"], detail.get("ctx", {}), message=detail["msg"], written=detail["input"])
    if detail["type"] == "unexpected_keyword_argument":
        what += nearest(f"{names[-1]}", (field.name for field in fields(Fault)))
    return f"fault {int(number) + 1}: {' '.join([*map(str, names), what])}"


PROFILES: dict[str, tuple[Fault, ...]] = {
    "none": (),
    "demo": (
        Fault(kind=Kind.LOST, probability=0.02),
        Fault(kind=Kind.SYSTEM, probability=0.02),
        Fault(kind=Kind.HTTP, probability=0.01),
        Fault(kind=Kind.HTML, probability=0.005),
        Fault(kind=Kind.THROTTLED, probability=0.01, retry_after_s=1),
        Fault(kind=Kind.SLOW, probability=0.3, delay_s=0.02, delay_max_s=0.3),
    ),
    "hostile": (
        Fault(kind=Kind.OUTAGE, from_s=20, for_s=4, every_s=60, form="503"),
        Fault(kind=Kind.OUTAGE, from_s=50, for_s=2, every_s=60, form="reset"),
        Fault(kind=Kind.WRONG_KEY, from_s=35, for_s=2, every_s=90),
        Fault(kind=Kind.UNAUTHORISED, from_s=80, for_s=2, every_s=90),
        Fault(kind=Kind.LOST, probability=0.05),
        Fault(kind=Kind.LOST, probability=0.02, judged=False),
        Fault(kind=Kind.LATE, probability=0.01, delay_s=60),
        Fault(kind=Kind.CUT, probability=0.01),
        Fault(kind=Kind.SYSTEM, probability=0.02, judged=True),
        Fault(kind=Kind.SYSTEM, probability=0.03),
        Fault(kind=Kind.HTTP, probability=0.02, status=503),
        Fault(kind=Kind.HTTP, probability=0.01, status=502, judged=True),
        Fault(kind=Kind.HTML, probability=0.01),
        Fault(kind=Kind.HTML, probability=0.01, judged=True),
        Fault(kind=Kind.GATEWAY, probability=0.01),
        Fault(kind=Kind.ZERO, probability=0.01),
        Fault(kind=Kind.CODE, probability=0.003, judged=True),
        Fault(kind=Kind.CONTRADICTION, probability=0.003, judged=True),
        Fault(kind=Kind.STRING, probability=0.003),
        Fault(kind=Kind.LOGIN, probability=0.01),
        Fault(kind=Kind.THROTTLED, probability=0.01, retry_after_s=1, form="seconds"),
        Fault(kind=Kind.THROTTLED, probability=0.01, retry_after_s=2, form="date"),
        Fault(kind=Kind.SHAPE, probability=0.1, form="infcode/text"),
        Fault(kind=Kind.SHAPE, probability=0.1, form="status"),
        Fault(kind=Kind.SHAPE, probability=0.1, form="resultCode/text"),
        Fault(kind=Kind.SLOW, probability=0.3, delay_s=0.01, delay_max_s=1.0),
    ),
}
"""Named mixes: `demo` is a mild ordinary day, `hostile` has everything that was ever seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What faults look at in a request."""

    post: int
    """Number of the post since the start."""
    service: str
    institution: str
    msgid: str
    attempt: int
    """How often this msgid was posted, this time included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """What happens to one request: at most one fault that replaces or hides the answer, a delay before it, and its shape."""

    fault: Fault | None = None
    delay_s: float = 0.0
    shape: Shape | None = None
    names: tuple[str, ...] = ()


def uniform(*parts: object) -> float:
    """A number in [0, 1) that the parts decide, evenly spread and without correlation between neighbours."""
    digest = blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


class FaultBoard:
    """The faults in force. Live: they can be added to and cleared while requests come in."""

    def __init__(self, faults: Sequence[Fault] = (), *, seed: int = 0, now_s: float = 0.0) -> None:
        self._seed = seed
        self._set: list[tuple[int, Fault, float]] = []
        self._strikes: dict[int, int] = {}
        self._next = 0
        self.add(faults, now_s=now_s)

    def add(self, faults: Sequence[Fault], *, now_s: float) -> None:
        """Put faults in force; their windows count from now."""
        for fault in faults:
            self._set.append((self._next, fault, now_s))
            self._next += 1

    def clear(self) -> None:
        """Take all faults out of force."""
        self._set.clear()

    def current(self) -> tuple[Fault, ...]:
        """The faults set, whether or not their windows are open."""
        return tuple(fault for _, fault, _ in self._set)

    def strike(self, request: Request, *, now_s: float) -> Struck:
        """What happens to this request. Of faults that replace the answer the one that was set first wins; delays add up, and of
        shapes the one that was set last counts.
        """
        chosen: Fault | None = None
        delay_s, shape, names = 0.0, None, []
        for number, fault, set_at in self._set:
            if (chosen and fault.kind not in MODIFIERS) or not self._hits(number, fault, request, now_s - set_at):
                continue
            self._strikes[number] = self._strikes.get(number, 0) + 1
            names.append(str(fault.kind))
            if fault.kind is Kind.SLOW:
                delay_s += self._delay_s(number, fault, request)
            elif fault.kind is Kind.SHAPE:
                shape = fault.shape()
            else:
                chosen = fault
        return Struck(fault=chosen, delay_s=delay_s, shape=shape, names=tuple(names))

    def _hits(self, number: int, fault: Fault, request: Request, since_set_s: float) -> bool:
        if not fault.is_open(since_set_s) or not fault.concerns(request.service, request.institution):
            return False
        if fault.times is not None and self._strikes.get(number, 0) >= fault.times:
            return False
        return self._draw(number, fault, request) < fault.probability

    def _draw(self, number: int, fault: Fault, request: Request, what: str = "hit") -> float:
        identity = request.msgid or request.post
        return uniform(self._seed, number, fault.kind, identity, request.attempt, what)

    def _delay_s(self, number: int, fault: Fault, request: Request) -> float:
        """Between the two bounds with a long tail: the cube of an even draw."""
        longest = fault.delay_s if fault.delay_max_s is None else fault.delay_max_s
        return fault.delay_s + (longest - fault.delay_s) * float(self._draw(number, fault, request, "delay") ** 3)

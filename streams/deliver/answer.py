"""What a platform's answer says, in whatever shape it comes.

The interface describes codes (§3.2.4) but no shape. Seen in the field: codes as numbers and as text, four names for the code, four
for the text, `{"errcode": "ACG.1401"}` from a gateway in front, pages of HTML from a proxy, and GBK where UTF-8 is promised.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson

from streams.spec.profiles import Profile

MAX_BODY_BYTES = 64 * 1024
"""No answer is read further than this."""

_GATEWAY_NAME = "errcode"
_NOT_A_COMPLAINT = frozenset({"", "0", "ok", "null", "none", "success", "成功", "操作成功", "请求成功"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    """At most `MAX_BODY_BYTES` of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the body of an answer says."""

    code: int | None = None
    """The platform's code; None where there is none."""
    text: str = ""
    """The platform's words; `""` where there are none."""
    complaint: bool = False
    """Whether the words stand under a name for errors (`err_msg`) and are not "success"."""
    gateway_code: str = ""
    """Code of a gateway that answered in the platform's place; `""` where none did."""


def read_body(body: bytes, profile: Profile) -> Said:
    """What `body` says. Nothing (an empty `Said`) for HTML, plain text, invalid or cut JSON, and anything that is no object."""
    members = _members(body)
    code = next((found for name in profile.code_names if (found := _code(members.get(name))) is not None), None)
    return Said(
        code=code,
        text=next((words for name in profile.text_names if (words := _text(members.get(name)))), ""),
        complaint=any(_complains(name, members) for name in profile.text_names),
        gateway_code="" if code is not None else _text(members.get(_GATEWAY_NAME)),
    )


def retry_after_s(headers: Mapping[str, str], *, now: datetime, most_s: float) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110 §10.2.3: seconds or a date), from 0 to `most_s`; None where it asks for
    nothing.

    A date is compared with the answer's own `Date`, because the clocks of two houses differ.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), most_s)
    until = _date(text)
    if until is None:
        return None
    seconds = (until - (_date(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), most_s)


def _members(body: bytes) -> Mapping[str, object]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("gb18030", errors="replace")
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _code(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (digits := value.strip()).isascii() and digits.isdigit():
        return int(digits[:18])
    return None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _complains(name: str, members: Mapping[str, object]) -> bool:
    return name.startswith("err") and _text(members.get(name)).lower() not in _NOT_A_COMPLAINT


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)

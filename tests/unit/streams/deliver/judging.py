"""Judge an answer that a test writes, and say in one word what it was taken for."""

from datetime import UTC, datetime
from typing import assert_never

import orjson

from streams.deliver.answer import HttpAnswer
from streams.deliver.verdict import Accepted, Held, Refused, Retry, Throttled, verdict
from streams.spec.profiles import REPORTING

NOW = datetime(2024, 5, 1, 4, 0, 0, tzinfo=UTC)


def judge(body=b"", *, status=200, refused_before=False, profile=REPORTING, **headers):
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = HttpAnswer(status=status, headers=named, body=body)
    return verdict(answer, refused_before=refused_before, profile=profile, now=NOW)


def outcome(found):
    match found:
        case Accepted():
            return f"accepted {found.code}{' again' if found.repeated else ''}"
        case Refused():
            return f"refused {found.code}"
        case Held():
            return f"held {found.cause}"
        case Retry():
            return f"retry {found.cause}"
        case Throttled():
            return f"throttled {found.after_s:g}"
        case never:
            assert_never(never)

"""What an answer means, and what is told of it, whatever stands in it: nothing that a platform sends ends a worker.

`verdict` has a meaning for all that was foreseen. What was not leaves the outcome open, and a person is told.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from traceback import extract_tb
from typing import Final

from streams.deliver.answer import HttpAnswer
from streams.deliver.causes import HoldCause
from streams.deliver.echo import without_echo
from streams.deliver.verdict import Held, Refused, Retry, Verdict, verdict
from streams.domain.records import ReadyRecord
from streams.spec.fields import Service
from streams.spec.profiles import Profile

_MOST_WORDS: Final = 500  # nobody acts on the last sentence of a page


def understood(answer: HttpAnswer, *, refused_before: bool, profile: Profile, now: datetime) -> Verdict:
    """The `verdict` on `answer`; one that cannot be read is held, with its outcome open. Never raises."""
    return _or_held(lambda: verdict(answer, refused_before=refused_before, profile=profile, now=now), answer.status)


def told(found: Verdict, *, records: Sequence[ReadyRecord], service: Service, key: Callable[[], str]) -> Verdict:
    """The verdict with the platform's words as they may be told. They are cut only when nothing personal is left in them. key:
    names the institution's key, where that may be at fault. Never raises for what stands in the words.
    """
    match found:
        case Refused(message=message):
            return _or_held(lambda: replace(found, message=without_echo(message, records, service)), found.http_status)
        case Held(message=message):
            named = key() if found.of_key else ""
            return _or_held(
                lambda: replace(found, message=without_echo(message, records, service)[:_MOST_WORDS], key=named), found.http_status
            )
        case Retry(words=words) if words:
            return _or_held(lambda: replace(found, words=without_echo(words, records, service)[:_MOST_WORDS]), found.http_status)
        case _:
            return found


def _or_held(read: Callable[[], Verdict], status: int | None) -> Verdict:
    try:
        return read()
    except Exception as error:  # noqa: BLE001 - a worker that ends meets the same answer when it is back
        place = extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
        message = f"the platform's answer cannot be read ({where}); nothing of it is shown"
        return Held(cause=HoldCause.UNREAD_ANSWER, http_status=status, message=message)

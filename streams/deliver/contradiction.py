"""What in an answer contradicts its code: the law that a receipt, or a dead letter, rests on one word and on no other."""

from collections.abc import Sequence
from typing import Final

from streams.deliver.address import redirected_to
from streams.deliver.answer import HttpAnswer, Said, shown_code
from streams.deliver.causes import HoldCause
from streams.deliver.members import MOST_DEPTH
from streams.deliver.signs import Other, says_success
from streams.spec.answers import AnswerClass
from streams.spec.profiles import Profile

_PLAIN_STATUS: Final = (200, 201, 203)
"""With which a batch may be accepted: others of 2xx say that it is not done yet, or only in part."""


def contradiction(  # noqa: C901, PLR0911 - one return per way to contradict oneself is what this is
    answer: HttpAnswer, said: Said, profile: Profile
) -> tuple[HoldCause, str] | None:
    """Why an answer with a code is not believed, and the clause that says what contradicts what; None where it is."""
    assert said.code is not None
    kind, code, signs = profile.classify(said.code), shown_code(said.code), said.signs
    if signs.doubled:
        return HoldCause.DOUBLED_MEMBER, f"{signs.doubled} stands twice in one object"
    if beside := [one for one in signs.others if not one.inside]:
        return HoldCause.TWO_CODES, f"two codes: {code} and {_listed(beside)}"
    if said.in_string:
        return HoldCause.JSON_IN_STRING, f"code {code} stands in JSON that is itself the text of a JSON string"
    if said.inside:
        return HoldCause.CODE_INSIDE, f"the only code, {code}, stands further inside ({said.inside})"
    if signs.others:
        return HoldCause.CODE_INSIDE, f"code {code}, and further inside {_listed(signs.others)}"
    if 300 <= answer.status < 400:
        return HoldCause.REDIRECT_ANSWERED, f"code {code} beside a redirect to {redirected_to(answer.headers)}"
    if kind is AnswerClass.ACCEPTED and (signs.failure or answer.status not in (*_PLAIN_STATUS, *profile.form.harmless_statuses)):
        return HoldCause.MIXED_ANSWER, f"code {code} is success, but {signs.failure or f'the HTTP status is {answer.status}'}"
    if kind is AnswerClass.REFUSED and (signs.success or says_success(said.text)):
        return HoldCause.MIXED_ANSWER, f"code {code} refuses, but {signs.success or 'the text'} says success"
    if kind is AnswerClass.REPEATED and signs.besides:
        return HoldCause.MIXED_ANSWER, f"code {code} says that it was there before, but {signs.besides}"
    if signs.deep and kind in (AnswerClass.ACCEPTED, AnswerClass.REPEATED):
        return HoldCause.UNREAD_ANSWER, f"code {code}, and what stands more than {MOST_DEPTH} steps inside is not read"
    return None


def _listed(codes: Sequence[Other]) -> str:
    return ", ".join(f"{shown_code(one.code)} ({one.at})" for one in codes[:3])

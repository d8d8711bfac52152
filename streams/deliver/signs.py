"""What an answer says of success or failure beside its code: flags, complaints, words, counts, and other codes, at any depth.

None of it settles a record. It only tells whether the code may be believed: an answer that says both is no answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from streams.deliver.members import MOST_DEPTH, Members, Walk, entered, whole
from streams.deliver.names import Speaks
from streams.deliver.places import Place, places_of
from streams.deliver.words import failing_besides, failing_words, plain, says_nothing_wrong, says_success, word_sign
from streams.spec.answers import AnswerClass, spelt
from streams.spec.profiles import Profile

__all__ = ["NO_SIGNS", "Other", "Signs", "failing_words", "says_success", "signs_of", "told", "word_sign", "words_in"]

_PLAIN_NAME: Final = re.compile(r"[A-Za-z_.-]{1,32}[0-9]{0,2}")
_IN_A_STATE: Final = ("1",)
"""What a state further inside may be without contradicting success: it is that of a record, or a yes."""
_MOST_DIGITS: Final = 20
_MOST_NAMES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A code beside the answer's own."""

    at: str
    """Its member, as it may be told: `` `data.code` ``."""
    code: str
    inside: bool
    """Whether it stands further inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What stands beside the code."""

    success: str = ""
    """Of a refusal: the flag or word that says that it went well, as it may be told."""
    failure: str = ""
    """Of an acceptance: what says that it did not go well, as a clause with the member's name ("`success` is false"); `""`:
    nothing does."""
    besides: str = ""
    """Of "repeated": the same of words that tell of another failure than that of coming again."""
    others: tuple[Other, ...] = ()
    """Codes that contradict the answer's own."""
    doubled: str = ""
    """A member that stands twice in its object, as it may be told; `""`: none does."""
    deep: bool = False
    """Whether something stands too deep to be looked at."""


NO_SIGNS: Final = Signs()
"""Nothing stands beside the code."""


def signs_of(code: str | None, found: Members, profile: Profile) -> Signs:
    """What the whole answer says beside `code`. Where the site says where the code stands, other members that hold one count only
    where they hold one that is known to say otherwise.
    """
    reading = _Reading(code, profile)
    walk = Walk(found, places_of(profile), reading.take)
    kind = reading.kind
    return Signs(
        success=reading.first if kind is AnswerClass.REFUSED else "",
        failure=(reading.first or _shortfall(reading.counts)) if kind is AnswerClass.ACCEPTED else "",
        besides=reading.first if kind is AnswerClass.REPEATED else "",
        others=tuple(reading.others),
        doubled=told(walk.doubled[0]) if walk.doubled else "",
        deep=walk.deep,
    )


class _Reading:
    """What is found on the way through an answer. A hundred rows say the same in the same place: that is judged once."""

    def __init__(self, code: str | None, profile: Profile) -> None:
        self.kind = profile.classify(code) if code is not None else AnswerClass.UNKNOWN
        self.first = ""
        """What first speaks against the code."""
        self.others: list[Other] = []
        self.counts: list[tuple[Place, object, Members]] = []
        self._code = code
        self._profile = profile
        self._known: dict[tuple[Place, type, object], Other | None] = {}

    def take(self, place: Place, value: object, owner: Members, inner: object) -> None:
        """One member."""
        if place.counts:
            self.counts.append((place, value, owner))
        if inner is not None and inner is value:
            if place.speaks is Speaks.SUCCESS or (value and place.speaks is Speaks.COMPLAINT):
                self._judge(place, value, inner)
            return
        key = place, value.__class__, value
        if key in self._known:
            other = self._known[key]
        else:
            other = self._known[key] = self._other(place, value)
            self._judge(place, value, inner)
        if other is not None:
            self.others.append(other)

    def _other(self, place: Place, value: object) -> Other | None:
        text = spelt(value) if place.holds_code else None
        if text is None or not _contradicts(place, text, self._code, self.kind, self._profile):
            return None
        return Other(at=told(place.path), code=text, inside=len(place.path) > 1)

    def _judge(self, place: Place, value: object, inner: object) -> None:
        if self.first:
            return
        match self.kind:
            case AnswerClass.ACCEPTED:
                self.first = _failure(place, value, inner, profile=self._profile, code=self._code)
            case AnswerClass.REFUSED:
                self.first = told(place.path) if _succeeds(place, value, self._profile) else ""
            case AnswerClass.REPEATED:
                tells = place.words and inner is None and isinstance(value, str)
                self.first = _tells(place) if tells and failing_besides(f"{value}", self._profile.form.harmless) else ""
            case AnswerClass.HELD | AnswerClass.RETRY | AnswerClass.UNKNOWN:  # nothing is settled by these
                return


def words_in(found: Members, profile: Profile) -> str:
    """Words that stand in an answer, or one step inside."""
    places = (found, *found.inside())
    texts = (one[name].strip() for one in places for name in profile.text_names if isinstance(one.get(name), str))
    return whole(next((text for text in texts if text), ""))


def told(path: tuple[str, ...]) -> str:
    """A member as it may be told: what else stands in the place of a name is the platform's, and may be anything."""
    names = [name if _PLAIN_NAME.fullmatch(name) else "*" for name in path[:_MOST_NAMES]]
    more = "…" if len(path) > _MOST_NAMES else ""
    return f"`{'.'.join(names)}{more}`" if names != ["*"] else "a member"


def _tells(place: Place) -> str:
    return f"the words of {told(place.path)} tell of a failure"


def _contradicts(place: Place, text: str, code: str | None, kind: AnswerClass, profile: Profile) -> bool:
    """Whether another code says something else than the answer's own, `code`."""
    if text == code or word_sign(text) is not None:
        return False
    inside, first = len(place.path) > 1, place.code_name
    state = place.speaks is Speaks.STATE
    known, same = text in profile.answers, profile.classify(text) is kind
    if profile.form.code_at:
        return kind is AnswerClass.ACCEPTED and known and not same and not state
    if first and not inside:
        return True
    if same:
        return False
    if kind is not AnswerClass.ACCEPTED:
        return known or (first and not state)
    return text not in (_IN_A_STATE if state else () if first else ("0",))


def _succeeds(place: Place, value: object, profile: Profile) -> bool:
    """Whether a word of success there contradicts a refusal: in the object itself, and beside a code that the site named."""
    at, path = profile.form.code_at, place.path
    if len(path) > 1 and path[:-1] != at[:-1] and (at or len(path) > 2 or not place.holds_code):
        return False
    if place.speaks is Speaks.SUCCESS:
        return value in (1, "1") or word_sign(value) is True
    return place.holds_code and isinstance(value, str | bool) and word_sign(value) is True


def _failure(  # noqa: PLR0911 - one return per way to say it
    place: Place, value: object, inner: object, *, profile: Profile, code: str | None
) -> str:
    """What in one member says that it went wrong: `""` where nothing does. inner: as an object or a list."""
    speaks, harmless = place.speaks, profile.form.harmless
    if isinstance(value, str) and value.strip() in harmless:
        return ""
    if speaks is Speaks.COMPLAINT:
        complains = _complains(value, profile, code=code if place.error_code else None)
        return f"{told(place.path)} is not empty" if complains else ""
    if speaks is Speaks.CONTENT and value is False:
        return f"{told(place.path)} is false"
    if isinstance(value, str) and place.words and inner is None:
        return _tells(place) if failing_words(value, harmless) else ""
    if speaks in _WRONG and _WRONG[speaks](value):
        return f"{told(place.path)} {_shown(value)}"
    if isinstance(value, str | bool) and place.holds_code and word_sign(value) is False:
        return f"the word in {told(place.path)} tells of a failure"
    return ""


def _shown(value: object) -> str:
    """What a value is that should have been another one; nothing of a text."""
    if isinstance(value, str):
        return "is false" if plain(value) == "false" else "says no"
    if isinstance(value, list | Mapping):
        return "is empty"
    return "is null" if value is None else "is false" if value is False else "is 0" if value == 0 else "is negative"


def _complains(value: object, profile: Profile, *, code: str | None, depth: int = 0) -> bool:
    """Whether a member whose name speaks of errors holds one. code: what it may hold, where its name speaks of a code."""
    inner = entered(value)
    if inner is not None:
        entries = list(inner.values()) if isinstance(inner, Mapping) else inner
        return depth == MOST_DEPTH or any(_complains(one, profile, code=code, depth=depth + 1) for one in entries)
    if code is not None and spelt(value) == code:
        return False
    if isinstance(value, str):
        return value.strip() not in profile.form.harmless and not says_nothing_wrong(value)
    return value not in (None, 0, False)


def _number(value: object) -> float | None:
    if isinstance(value, str) and len(value) <= _MOST_DIGITS:
        text = plain(value)
        value = float(text) if text.removeprefix("-").replace(".", "", 1).isdecimal() else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300 else None


def _is_no_success(value: object) -> bool:
    """Of a member that speaks of success alone: whatever is no yes. A number says how many."""
    number = _number(value)
    if number is not None:
        return number <= 0
    if isinstance(value, list | Mapping):
        return not value
    return word_sign(value) is not True and not (isinstance(value, str) and says_success(value))


def _is_no(value: object) -> bool:
    number = _number(value)
    return (number is not None and number < 0) or (isinstance(value, str | bool) and word_sign(value) is False)


_WRONG: Final[Mapping[Speaks, Callable[[object], bool]]] = {
    Speaks.SUCCESS: _is_no_success,
    Speaks.FLAG: _is_no,
    Speaks.COUNTED: lambda value: _is_no(value) or _number(value) == 0,
    Speaks.TAKEN: lambda value: _number(value) == 0,
}
"""What a value must not be, by what its name speaks of."""


def _shortfall(counts: Sequence[tuple[Place, object, Members]]) -> str:
    """That fewer were taken than there were: `total` 10 beside `success` 7."""
    totals: dict[int, float] = {}
    for place, value, owner in counts:
        number = _number(value) if place.speaks is Speaks.TOTAL else None
        if number is not None:
            totals[id(owner)] = max(number, totals.get(id(owner), 0))
    for place, value, owner in counts if totals else ():
        if place.speaks is Speaks.TOTAL or word_sign(value) is not None:
            continue
        number = _number(value)
        if number is not None and number < totals.get(id(owner), 0):
            return f"{told(place.path)} is less than the total beside it"
    return ""

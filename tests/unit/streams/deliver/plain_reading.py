"""What an answer says beside its code, read without haste: every member is asked everything, in a walk for each.

`streams.deliver.signs` must find the same in one walk, judging once what stands there a hundred times.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from streams.deliver.members import MOST_DEPTH, Members, entered
from streams.deliver.names import Speaks, folded, speaks_of
from streams.deliver.signs import Other, Signs, told
from streams.deliver.words import failing_besides, failing_words, plain, says_nothing_wrong, says_success, word_sign
from streams.spec.answers import AnswerClass, spelt
from streams.spec.profiles import Profile

_IN_A_STATE: Final = ("1",)
_MOST_DIGITS: Final = 20
_MESSAGES: Final = ("msg", "msgs", "message", "messages")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an answer, or an entry of a list under its name."""

    path: tuple[str, ...]
    """The names that lead to it, from the outermost one; lists are passed through."""
    value: object
    owner: Members
    """The object that it stands in."""


@dataclass(slots=True, kw_only=True)
class Walk:
    """All that stands in an answer."""

    members: list[Member] = field(default_factory=list)
    """In the order in which they stand there."""
    doubled: list[tuple[str, ...]] = field(default_factory=list)
    """Those that stand twice."""
    deep: bool = False
    """Whether it goes on below `MOST_DEPTH`."""


def walked(found: Members, passed: Sequence[tuple[str, ...]]) -> Walk:
    """Every member of `found`, at any depth. passed: paths of members that are left out with all that stands in them; `*` is any
    name.
    """
    walk = Walk()
    todo: list[tuple[tuple[str, ...], object, Members, int]] = [((), found, found, 0)]
    while todo:
        path, value, owner, depth = todo.pop()
        if path:
            walk.members.append(Member(path=path, value=value, owner=owner))
        inner = entered(value)
        if inner is None:
            continue
        if depth == MOST_DEPTH:
            walk.deep = True
        elif isinstance(inner, Members):
            names = [(*path, name) for name in inner]
            todo += [(at, inner[at[-1]], inner, depth + 1) for at in reversed(names) if not _is_passed(at, passed)]
            walk.doubled += [at for name in inner.doubled if not _is_passed(at := (*path, name), passed)]
        else:
            todo += [(path, one, owner, depth + 1) for one in reversed(inner)]
    return walk


def _is_passed(path: tuple[str, ...], passed: Sequence[tuple[str, ...]]) -> bool:
    return bool(passed) and any(
        len(one) == len(path) and all(want in ("*", name) for want, name in zip(one, path, strict=True)) for one in passed
    )


def signs_of(code: str | None, found: Members, profile: Profile) -> Signs:
    """What the whole answer says beside `code`. Where the site says where the code stands, other members that hold one count only
    where they hold one that is known to say otherwise.
    """
    form = profile.form
    walk = walked(found, form.harmless_members)
    kind = profile.classify(code) if code is not None else AnswerClass.UNKNOWN
    beside = [one for one in walk.members if one.path != form.code_at]
    codes = ((one, spelt(one.value)) for one in beside if _holds_code(one, profile))
    others = [(one, text) for one, text in codes if text is not None and _contradicts(one, text, code, kind, profile)]
    return Signs(
        success=next((told(one.path) for one in beside if _succeeds(one, profile)), "") if kind is AnswerClass.REFUSED else "",
        failure=_first_failure(beside, profile, code=code) if kind is AnswerClass.ACCEPTED else "",
        besides=next((_tells(one) for one in beside if _besides(one, profile)), "") if kind is AnswerClass.REPEATED else "",
        others=tuple(Other(at=told(one.path), code=text, inside=len(one.path) > 1) for one, text in others),
        doubled=told(walk.doubled[0]) if walk.doubled else "",
        deep=walk.deep,
    )


def _tells(one: Member) -> str:
    return f"the words of {told(one.path)} tell of a failure"


def _holds_code(one: Member, profile: Profile) -> bool:
    return one.path[-1] in profile.code_names or speaks_of(one.path[-1]) in (Speaks.CODE, Speaks.STATE)


def _contradicts(one: Member, text: str, code: str | None, kind: AnswerClass, profile: Profile) -> bool:
    """Whether another code says something else than the answer's own, `code`."""
    if text == code or word_sign(text) is not None:
        return False
    inside, first = len(one.path) > 1, one.path[-1] in profile.code_names
    state = speaks_of(one.path[-1]) is Speaks.STATE
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


def _succeeds(one: Member, profile: Profile) -> bool:
    """Whether a word of success there contradicts a refusal: in the object itself, and beside a code that the site named."""
    at, holds = profile.form.code_at, _holds_code(one, profile)
    if len(one.path) > 1 and one.path[:-1] != at[:-1] and (at or len(one.path) > 2 or not holds):
        return False
    if speaks_of(one.path[-1]) is Speaks.SUCCESS:
        return one.value in (1, "1") or word_sign(one.value) is True
    return holds and isinstance(one.value, str | bool) and word_sign(one.value) is True


def _first_failure(beside: Sequence[Member], profile: Profile, *, code: str | None) -> str:
    return next((why for one in beside if (why := _failure(one, profile, code=code))), "") or _shortfall(beside)


def _failure(one: Member, profile: Profile, *, code: str | None) -> str:  # noqa: PLR0911 - one return per way to say it
    """What in one member says that it went wrong: `""` where nothing does."""
    name, value = one.path[-1], one.value
    speaks = speaks_of(name)
    if isinstance(value, str) and value.strip() in profile.form.harmless:
        return ""
    if speaks is Speaks.COMPLAINT:
        own = code if folded(name).endswith(("code", "no")) else None
        return f"{told(one.path)} is not empty" if _complains(value, profile, code=own) else ""
    if speaks is Speaks.CONTENT and value is False:
        return f"{told(one.path)} is false"
    if isinstance(value, str) and _is_text(one, profile):
        return _tells(one) if failing_words(value, profile.form.harmless) else ""
    if speaks in _WRONG and _WRONG[speaks](value):
        return f"{told(one.path)} {_shown(value)}"
    if isinstance(value, str | bool) and _holds_code(one, profile) and word_sign(value) is False:
        return f"the word in {told(one.path)} tells of a failure"
    return ""


def _shown(value: object) -> str:
    """What a value is that should have been another one; nothing of a text."""
    if isinstance(value, str):
        return "is false" if plain(value) == "false" else "says no"
    if isinstance(value, list | Mapping):
        return "is empty"
    return "is null" if value is None else "is false" if value is False else "is 0" if value == 0 else "is negative"


def _is_text(one: Member, profile: Profile) -> bool:
    """Whether a member holds words for people: by its name, or because it stands in one that does. What reads as JSON is walked."""
    name, names = one.path[-1], profile.text_names
    if name not in names and one.path != profile.form.text_at:
        speaks = speaks_of(name)
        within = speaks is Speaks.NOTHING and any(name in names or folded(name).endswith(_MESSAGES) for name in one.path[:-1])
        if speaks not in (Speaks.WORDS, Speaks.CONTENT) and not within:
            return False
    return entered(one.value) is None


def _besides(one: Member, profile: Profile) -> bool:
    return isinstance(one.value, str) and _is_text(one, profile) and failing_besides(one.value, profile.form.harmless)


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


def _shortfall(members: Sequence[Member]) -> str:
    """That fewer were taken than there were: `total` 10 beside `success` 7."""
    totals: dict[int, float] = {}
    for one in members:
        number = _number(one.value) if speaks_of(one.path[-1]) is Speaks.TOTAL else None
        if number is not None:
            totals[id(one.owner)] = max(number, totals.get(id(one.owner), 0))
    for one in members if totals else ():
        if speaks_of(one.path[-1]) not in (Speaks.TAKEN, Speaks.SUCCESS) or word_sign(one.value) is not None:
            continue
        number = _number(one.value)
        if number is not None and number < totals.get(id(one.owner), 0):
            return f"{told(one.path)} is less than the total beside it"
    return ""

"""Where something stands in an answer, by the names that lead there, and what may be said in that place: judged once, and kept.

A platform answers each batch in the same form: a hundred rows have their members in the same six places.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from streams.deliver.names import Speaks, folded, speaks_of
from streams.spec.profiles import Profile

_MOST: Final = 4096
"""Places of a profile that are kept. A platform may have the numbers of records for names: those are made anew each time."""
_MESSAGES: Final = ("msg", "msgs", "message", "messages")
_COUNTING: Final = frozenset({Speaks.TOTAL, Speaks.TAKEN, Speaks.SUCCESS})


@dataclass(slots=True, eq=False)
class Place:
    """A member of an answer, or an entry of a list under its name."""

    path: tuple[str, ...]
    """The names that lead to it, from the outermost one; lists are passed through."""
    speaks: Speaks
    """What its name speaks of."""
    passed: bool = False
    """Whether the site says that it means nothing, and what stands in it."""
    code_itself: bool = False
    """Whether the answer's own code stands there, as the site says."""
    code_name: bool = False
    """Whether its name is one of an answer's code."""
    holds_code: bool = False
    """Whether a code may stand there."""
    words: bool = False
    """Whether text there is words for people: by its name, or because it stands in one that has them."""
    error_code: bool = False
    """Whether what went wrong stands there as a code, by its name."""
    counts: bool = False
    """Whether a number there says how many."""
    notable: bool = False
    """Whether anything that stands there can say something of success or failure."""
    children: dict[str, "Place"] = field(default_factory=dict)
    """What was seen below it, by name."""


class Places:
    """All places of a profile's answers."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._count = 0
        self._root = Place((), Speaks.NOTHING)

    def root(self) -> Place:
        """That of an answer as a whole."""
        if self._count >= _MOST:
            self._count, self._root = 0, Place((), Speaks.NOTHING)
        return self._root

    def inside(self, place: Place, name: str) -> Place:
        """The one that `name` leads to."""
        found = place.children.get(name)
        if found is None:
            found = _made((*place.path, name), self._profile)
            if self._count < _MOST:
                self._count += 1
                place.children[name] = found
        return found


@lru_cache(8)
def places_of(profile: Profile) -> Places:
    """Those of a profile; kept."""
    return Places(profile)


def _made(path: tuple[str, ...], profile: Profile) -> Place:
    name, form, speaks = path[-1], profile.form, speaks_of(path[-1])
    code_name = name in profile.code_names
    place = Place(
        path,
        speaks,
        passed=any(_is_named(path, one) for one in form.harmless_members),
        code_itself=path == form.code_at,
        code_name=code_name,
        holds_code=code_name or speaks in (Speaks.CODE, Speaks.STATE),
        words=_has_words(path, speaks, profile),
        error_code=speaks is Speaks.COMPLAINT and folded(name).endswith(("code", "no")),
        counts=speaks in _COUNTING,
    )
    place.notable = not place.code_itself and (place.holds_code or place.words or speaks is not Speaks.NOTHING)
    return place


def _has_words(path: tuple[str, ...], speaks: Speaks, profile: Profile) -> bool:
    names = profile.text_names
    if path[-1] in names or path == profile.form.text_at or speaks in (Speaks.WORDS, Speaks.CONTENT):
        return True
    return speaks is Speaks.NOTHING and any(name in names or folded(name).endswith(_MESSAGES) for name in path[:-1])


def _is_named(path: tuple[str, ...], by: tuple[str, ...]) -> bool:
    return len(by) == len(path) and all(want in ("*", name) for want, name in zip(by, path, strict=True))

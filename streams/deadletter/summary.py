"""Choose and count dead letters by what their headers say."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from streams.deadletter.record import DeadLetterView


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which letters to read."""

    id: str = ""
    """The beginning of an id; `""`: any, as in the next ones."""
    dead_class: str = ""
    """`""`: any."""
    rule: str = ""
    """`""`: any."""
    service: str = ""
    """`""`: any."""
    institution: str = ""
    """`""`: any."""
    since: int = 0
    """Last failure at this moment (ms) or later."""

    def takes(self, letter: DeadLetterView) -> bool:
        """Whether `letter` is wanted."""
        asked = (
            (self.dead_class, letter.dead_class),
            (self.rule, letter.rule),
            (self.service, letter.service),
            (self.institution, letter.institution),
        )
        return (
            letter.id.startswith(self.id)
            and letter.last_failed_at >= self.since
            and all(wish in ("", found) for wish, found in asked)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryLine:
    """The letters that share class, rule and institution."""

    dead_class: str
    """Their class."""
    rule: str
    """Their rule."""
    institution: str
    """Their institution; `""` where it is not known."""
    owner: str
    """Who is asked first."""
    count: int
    """How many they are."""
    oldest: int
    """First failure among them (ms)."""


def summarise(letters: Iterable[DeadLetterView]) -> tuple[SummaryLine, ...]:
    """Counts by class, rule and institution, the most frequent first."""
    count: Counter[tuple[str, str, str]] = Counter()
    oldest: dict[tuple[str, str, str], DeadLetterView] = {}
    for letter in letters:
        group = letter.dead_class, letter.rule, letter.institution
        count[group] += 1
        if group not in oldest or letter.first_failed_at < oldest[group].first_failed_at:
            oldest[group] = letter
    return tuple(
        SummaryLine(
            dead_class=group[0],
            rule=group[1],
            institution=group[2],
            owner=oldest[group].owner,
            count=number,
            oldest=oldest[group].first_failed_at,
        )
        for group, number in sorted(count.items(), key=lambda entry: (-entry[1], entry[0]))
    )

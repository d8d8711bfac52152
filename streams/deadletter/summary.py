"""Choose and count dead letters by what their headers say."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from streams.deadletter.record import DeadLetterView


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which letters to read; `""` and 0 ask for all. id: the beginning of one. since: ms, of the last failure."""

    id: str = ""
    dead_class: str = ""
    rule: str = ""
    service: str = ""
    institution: str = ""
    since: int = 0

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
    """How many letters share class, rule and institution. oldest: ms, of the first failure among them."""

    dead_class: str
    rule: str
    institution: str
    owner: str
    count: int
    oldest: int


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

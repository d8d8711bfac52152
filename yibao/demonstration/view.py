"""What a person sees while a demonstration runs: a table that is drawn anew on a terminal, lines elsewhere."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from yibao.demonstration.course import Sight, Spectator
from yibao.demonstration.demo_site import WAIT_S
from yibao.demonstration.holds import SILENT, STANDS, Hold
from yibao.demonstration.words import Words

_MOST_HOLDS: Final = 3


class Plain:
    """Lines on stderr, for logs and pipes."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._holds: Sequence[Hold] = ()

    def step(self, text: str) -> None:
        """In one piece: services begin side by side."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def look(self, sight: Sight) -> None:
        """The counts; and once more, with each, what holds."""
        words, judgement = self._words, sight.findings.judgement
        counts = {service: f"{judgement.accepted[service]}" for service in words.services}
        accepted = ", ".join(f"{counts[service]} {label}" for service, label in words.services.items())
        line = words.line.format(
            phase=words.living if sight.live else words.draining,
            changes=sight.changes,
            accepted=accepted,
            letters=judgement.dead_letters.total(),
        )
        self.step("; ".join([line, *(held(hold, words) for hold in self._holds[:1])]))

    def held(self, holds: Sequence[Hold]) -> None:
        """What holds now, each time it changes."""
        for hold in holds[:_MOST_HOLDS]:
            self.step(f"{held(hold, self._words)}\n  {_remedy(hold, self._words)}")
        if not holds and self._holds:
            self.step(self._words.goes_on)
        self._holds = holds


class OnTerminal:
    """A table that is drawn anew, and below it what holds."""

    def __init__(self, live: Live, words: Words) -> None:
        self._live = live
        self._words = words
        self._sight: Sight | None = None
        self._holds: Sequence[Hold] = ()

    def step(self, text: str) -> None:
        """Above the table, for good."""
        self._live.console.print(text, highlight=False, markup=False)

    def look(self, sight: Sight) -> None:
        """Draw the counts."""
        self._sight = sight
        self._draw()

    def held(self, holds: Sequence[Hold]) -> None:
        """Draw what holds."""
        self._holds = holds
        self._draw()

    def _draw(self) -> None:
        parts = [] if self._sight is None else [Text(), *table_of(self._sight, self._words)]
        for hold in self._holds[:_MOST_HOLDS]:
            parts += [Text(), Text(held(hold, self._words), style="bold red"), Text(_remedy(hold, self._words), style="yellow")]
        self._live.update(Group(*parts), refresh=True)


def table_of(sight: Sight, words: Words) -> tuple[RenderableType, ...]:
    """The counts of one look. What is accepted is never more than what is expected: then the count of that is what lags."""
    judgement = sight.findings.judgement
    table = Table(box=None, pad_edge=False)
    for column in ("", words.expected, words.accepted):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for service, label in words.services.items():
        expected, accepted = sight.expected[service], judgement.accepted[service]
        table.add_row(label, f"{expected}" if expected >= accepted else f">= {accepted}", f"{accepted}")
    table.add_row(words.letters, "", f"{judgement.dead_letters.total()}")
    table.add_row(words.changes, "", f"{sight.changes}")
    return Text(words.living if sight.live else words.giving_up.format(seconds=WAIT_S), style="bold"), table


def held(hold: Hold, words: Words) -> str:
    """What holds, on one line: in words, and as the events and the counts name it."""
    what, _ = words.causes.get(hold.cause, ("{says}", ""))
    form = words.held_all if hold.whole else words.held if hold.lanes > 1 else words.held_one
    named = [hold.cause] if hold.cause not in (SILENT, STANDS) else []
    named += [f"HTTP {hold.http_status}"] if hold.http_status else []
    named += [f"code {hold.code}"] if hold.code else []
    signs = f" [{', '.join(named)}]" if named else ""
    return form.format(lanes=hold.lanes, what=what.format(says=hold.says)) + signs


def _remedy(hold: Hold, words: Words) -> str:
    _, remedy = words.causes.get(hold.cause, ("", "{remedy}"))
    return words.remedy.format(remedy=remedy.format(remedy=hold.remedy))


@contextmanager
def spectator(words: Words) -> Iterator[Spectator]:
    """Whoever sits before standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Plain(words)
        return
    with Live(console=console, transient=True) as live:
        yield OnTerminal(live, words)

"""What a database's administrator does before it can be captured from, as a script to read and to run; and the way back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

MADE: Final = "made by yibao source prepare"
"""The comment by which the way back knows what a preparation made. What does not bear it was there before, and is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to be done."""

    title: str
    """What it is."""
    why: str
    """What capture needs it for, or what to mind. One sentence or two."""
    statements: tuple[str, ...]
    """What does it; done twice it changes nothing more."""
    undo: tuple[str, ...] = ()
    """What takes it back."""
    kept: str = ""
    """What is not taken back, and why; "" where everything is."""


def script_of(steps: Sequence[Step], *, head: str) -> str:
    """The script that prepares, step by step. head: what it is for and how it is run, a line or several."""
    return _script(head, ((step.title, step.why, step.statements) for step in steps))


def undo_of(steps: Sequence[Step], *, head: str) -> str:
    """The script that takes everything back, the last step first."""
    return _script(head, ((step.title, step.kept, step.undo) for step in reversed(steps)))


def _script(head: str, parts: Iterator[tuple[str, str, tuple[str, ...]]]) -> str:
    lines = [f"-- {line}" for line in head.splitlines()]
    for title, about, statements in parts:
        if statements or about:
            lines += ["", f"-- {title}", *(f"--   {line}" for line in about.splitlines()), *statements]
    return "\n".join(lines) + "\n"

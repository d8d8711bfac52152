"""What is looked at again and again: on a terminal one screen that is painted anew, elsewhere a line for each look."""

import json
import shutil
import sys
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final, NamedTuple

import typer
from rich.cells import cell_len, chop_cells

from streams.errors import Unreachable

WIDE: Final = 80
"""Columns that every terminal has."""
_AGAIN: Final = "\x1b[H\x1b[2J"


class Look(NamedTuple):
    """One look, as it is shown."""

    screen: str
    """On a terminal."""
    line: str
    """Elsewhere."""


def aligned(rows: Sequence[Sequence[str]], *, right: Collection[int] = (), wide: int = WIDE) -> list[str]:
    """Rows in columns of one width; the last column is cut so that no line is longer than `wide`. right: columns of numbers."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = enumerate(zip(row, widths, strict=True))
        cells = [_blank(cell, width) + cell if at in right else cell + _blank(cell, width) for at, (cell, width) in padded]
        lines.append(cut("  ".join(cells).rstrip(), wide))
    return lines


def cut(text: str, wide: int = WIDE) -> str:
    """A line that is no longer. A Chinese character is two columns wide."""
    return text if cell_len(text) <= wide else f"{chop_cells(text, wide - 1)[0]}…"


def _blank(cell: str, width: int) -> str:
    return " " * (width - cell_len(cell))


def watch(look: Callable[[], Look], *, every_s: float, for_programs: bool = False) -> None:
    """Look until it is interrupted. Brokers that are away are said, and asked again. for_programs: as a document, too."""
    painted = sys.stdout.isatty() and not for_programs
    while True:
        try:
            found = look()
        except Unreachable as away:
            told = json.dumps({"unreachable": f"{away}"}, ensure_ascii=False) if for_programs else f"{away}"
            found = Look(told, told)
        typer.echo(f"{_AGAIN}{_fitting(found.screen)}" if painted else found.line)
        time.sleep(every_s)


def _fitting(screen: str) -> str:
    """What a terminal shows of it, without scrolling."""
    most = max(3, shutil.get_terminal_size().lines - 1)
    lines = screen.splitlines()
    return "\n".join(lines if len(lines) <= most else [*lines[: most - 1], f"… {len(lines) - most + 1} lines more"])

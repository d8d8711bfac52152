"""Tables for people, no wider than their terminal: what has no room beside the others stands under its row, and nothing is cut."""

import os
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

import typer
from rich.cells import cell_len, chop_cells

from yibao.screens import WIDE

_GAP: Final = "  "
_UNDER: Final = "    "
_LEAST: Final = 40
LONG_LINES: Final = 240
"""Columns of a list that goes into a file or another command, where a row is best one line."""


def show(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = (), closing: str = "", piped: int = WIDE
) -> None:
    """Print a table, and a line under it. right: names of the columns of numbers. piped: so wide where it is no terminal that
    reads it, and COLUMNS does not say.
    """
    for line in (*lines(head, rows, right=right, wide=wide(piped)), *([closing] if closing else ())):
        typer.echo(line)


def wide(piped: int = WIDE) -> int:
    """How many columns whoever reads has."""
    if sys.stdout.isatty():
        return max(_LEAST, shutil.get_terminal_size().columns)
    told = os.environ.get("COLUMNS", "")
    return max(_LEAST, int(told)) if told.isascii() and told.isdigit() else piped


def lines(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = (), wide: int = WIDE) -> list[str]:
    """The table, each line of at most so many columns (of a Chinese character, two). Without rows, nothing. The first columns stand
    side by side as far as there is room for all rows; the others, but for those that say nothing, under each row with their names.
    """
    body = [[_plain(cell) for cell in row] for row in rows]
    if not body:
        return []
    widths = [max(map(cell_len, column)) for column in zip(head, *body, strict=True)]
    beside = _beside(widths, wide)
    told = [_row(head[:beside], widths, head, right)] if beside else []
    for row in body:
        told += [_row(row[:beside], widths, head, right)] if beside else []
        more = [f"{name}: {cell}" for name, cell in zip(head[beside:], row[beside:], strict=True) if cell not in ("", "-")]
        told += wrapped("; ".join(more), wide=wide, indent=_UNDER if beside else "")
    return told


def wrapped(text: str, *, wide: int = WIDE, indent: str = "") -> list[str]:
    """A text in lines of at most so many columns, torn between words, and within one only where it is longer than a line."""
    room, told, line = wide - len(indent), list[str](), ""
    for word in _plain(text).split():
        if line and cell_len(line) + 1 + cell_len(word) > room:
            told.append(line)
            line = ""
        *full, last = chop_cells(word, room) if not line else [word]
        told += full
        line = f"{line} {last}" if line else last
    return [f"{indent}{one}" for one in (*told, *([line] if line else ()))]


def hanging(text: str, *, indent: str = "") -> list[str]:
    """A text in lines of a terminal, where a terminal shows it, all but the first under its indent; elsewhere in one line."""
    room = wide(LONG_LINES)
    if not sys.stdout.isatty() or cell_len(indent) + cell_len(text) <= room:
        return [f"{indent}{text}"]
    first, *rest = wrapped(text, wide=room, indent=f"{indent}{_GAP}")
    return [first.removeprefix(_GAP), *rest]


def _beside(widths: Sequence[int], wide: int) -> int:
    """How many columns have room side by side."""
    for count in range(len(widths), 0, -1):
        if sum(widths[:count]) + len(_GAP) * (count - 1) <= wide:
            return count
    return 0


def _row(cells: Sequence[str], widths: Sequence[int], head: Sequence[str], right: Collection[str]) -> str:
    return _GAP.join(_padded(cells, widths, head, right)).rstrip()


def _padded(cells: Sequence[str], widths: Sequence[int], head: Sequence[str], right: Collection[str]) -> Iterator[str]:
    for cell, width, name in zip(cells, widths, head, strict=False):
        blank = " " * (width - cell_len(cell))
        yield f"{blank}{cell}" if name in right else f"{cell}{blank}"


def _plain(cell: str) -> str:
    """Without what a terminal obeys."""
    return "".join([one if one.isprintable() else " " for one in cell])

"""The commands of `docs/replay.md`, as they are printed there: what is proved cannot part ways with what is read."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.stack.service import CHECKOUT

PAGE = CHECKOUT / "docs" / "replay.md"
_FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## ", re.MULTILINE)
_COMMENT = re.compile(r"\s+# .*")


def commands(page: Path = PAGE) -> Mapping[int, Sequence[Sequence[str]]]:
    """By number of the section, the words of each command in its blocks, without `yibao` and comments. Sections without a number
    are of other ways.
    """
    found: dict[int, Sequence[Sequence[str]]] = {}
    for section in _SECTION.split(page.read_text("utf-8"))[1:]:
        number, dot, _ = section.partition(".")
        if not (dot and number.isdecimal()):
            continue
        lines = [_COMMENT.sub("", line).strip() for block in _FENCE.findall(section) for line in block.splitlines()]
        found[int(number)] = [_words(line) for line in lines if line]
    return found


def _words(line: str) -> Sequence[str]:
    name, *words = shlex.split(line)
    if name != "yibao" or not words:
        raise ValueError(f"not a command of ours: {line}")
    return words

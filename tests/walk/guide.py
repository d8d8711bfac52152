"""The commands of the operator's guide, as they are printed there, in their order."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sandbox.stack.service import CHECKOUT

GUIDE: Final = CHECKOUT / "docs" / "guide.md"
_BLOCK: Final = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def walk_under(heading: str, *, from_words: str = "", page: Path = GUIDE) -> Sequence[Sequence[str]]:
    """The blocks of commands under a heading of the second level, each without the line that says how it is tried. from_words: only
    those behind these words. Raises ValueError where there are none.
    """
    _, found, rest = page.read_text("utf-8").partition(f"\n## {heading}\n")
    section = rest.partition("\n## ")[0]
    _, there, behind = section.partition(from_words) if from_words else ("", "there", section)
    blocks = [block.splitlines()[1:] for block in _BLOCK.findall(behind)]
    if not (found and there and blocks):
        raise ValueError(f"{page.name} has no commands under {heading!r} behind {from_words!r}")
    return blocks

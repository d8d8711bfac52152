"""The blocks of commands of the operator's guide and the pages beside it, and how the page says that each is tried."""

import re
from pathlib import Path
from typing import NamedTuple

KINDS = {"offline", "brokers", "site", "cluster"}
_BLOCK = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


class Block(NamedTuple):
    """Some commands, and how they are tried."""

    kind: str
    lines: tuple[str, ...]


def blocks(page: str) -> list[Block]:
    """All blocks, in the order of the page. Raises ValueError for one that does not say how it is tried."""
    found = []
    for text in _BLOCK.findall(page):
        first, *lines = text.splitlines()
        kind = first.removeprefix("# ")
        if kind not in KINDS or not lines:
            raise ValueError(f"a block begins with {first!r}")
        found.append(Block(kind, tuple(lines)))
    return found


def inline(page: str) -> list[str]:
    """Commands within sentences, as far as they are whole."""
    words = re.findall(r"`([^`\n]+)`", _BLOCK.sub("", page))
    return [word for word in words if re.match(r"yibao [a-z]+", word) and "…" not in word]


def links(page: str) -> list[tuple[str, str]]:
    """File and heading of each link that leads into this checkout."""
    return [(file, anchor) for file, anchor in _LINK.findall(page) if "://" not in file]


def anchors(file: Path) -> set[str]:
    """What headings of a page are called in links."""
    heads = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}

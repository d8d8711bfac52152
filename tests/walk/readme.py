"""The commands of the README's walk, as they are printed there: what is proved cannot part ways with what is read."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

HEADINGS = {"README.md": "## A site of your own", "README.zh.md": "## 接入一家医院"}
_FENCE = "```"
_COMMENT = re.compile(r"\s+# .*")
_PORT = re.compile(r"(?:port |:)(\d{4,5})\b")


def commands(readme: Path) -> Sequence[str]:
    """The lines of the first block under the walk's heading, in order, without their comments."""
    _, heading, rest = readme.read_text("utf-8").partition(f"{HEADINGS[readme.name]}\n")
    block = rest.split(_FENCE)[1] if heading else ""
    lines = [_COMMENT.sub("", line).strip() for line in block.strip().splitlines()]
    if not all(lines) or not lines:
        raise ValueError(f"{readme}: no block of commands under `{HEADINGS[readme.name]}`")
    return lines


def ports(lines: Sequence[str]) -> Sequence[int]:
    """The ports that the commands name, each once."""
    return list(dict.fromkeys(int(found) for line in lines for found in _PORT.findall(line)))


def with_ports(text: str, instead: Mapping[int, int]) -> str:
    """The text with other ports: what the README tells to do where one is taken."""
    return re.sub(r"\b\d{4,5}\b", lambda found: f"{instead.get(int(found[0]), found[0])}", text)

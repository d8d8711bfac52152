"""An example is a folder of files: site, mapping, and three scripts in the hospital's own SQL, cut here into their sections.

`schema.sql` and `capture.sql` make the database as capture finds it. `edits.sql` changes it, a `-- step: words` at a time;
`-- then: yibao …` is what somebody types after it. `expected.sql` says after each step, from the hospital's own tables, what must
have come of it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.stack.service import CHECKOUT

EXAMPLES = CHECKOUT / "deploy" / "examples"
SERVICES = ("mdtrt_d", "setl_d", "fee_list_d")
QUERIES = (*SERVICES, "sums", "waiting", "letters", "rows")
_STEP = re.compile(r"^-- step: (.+)$", re.MULTILINE)
_THEN = re.compile(r"^-- then: yibao (.+)$", re.MULTILINE)
_QUERY = re.compile(rf"^-- ({'|'.join(QUERIES)})\b.*$", re.MULTILINE)
_FENCE = re.compile(r"^```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Statements that are run one after the other; transactions are theirs."""

    words: str
    """What happens in the hospital."""
    script: str
    """Its SQL."""

    @property
    def commands(self) -> Sequence[str]:
        """What is typed once it was done, without `yibao`."""
        return _THEN.findall(self.script)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The files of one hospital."""

    folder: Path
    """Where they are."""
    preparing: str
    """What stands before the first query of expected.sql: functions and views of the session."""
    queries: Mapping[str, str]
    """The queries of expected.sql by their names."""
    steps: Sequence[Step]
    """Of edits.sql."""
    session: str
    """What stands before the first step of edits.sql."""

    @property
    def name(self) -> str:
        """Its folder's, which is also its database's."""
        return self.folder.name


def names() -> Sequence[str]:
    """All examples there are."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/expected.sql"))


def example(name: str) -> Example:
    """The example of this name. Raises ValueError where a file has not what it must have."""
    folder = EXAMPLES / name
    session, *steps = _STEP.split((folder / "edits.sql").read_text("utf-8"))
    preparing, *queries = _QUERY.split((folder / "expected.sql").read_text("utf-8"))
    found = dict(zip(queries[::2], queries[1::2], strict=True))
    if sorted(found) != sorted(QUERIES) or len(queries) != 2 * len(QUERIES):
        raise ValueError(f"{folder / 'expected.sql'}: must have each of these once, as `-- name`: {', '.join(QUERIES)}")
    if not steps:
        raise ValueError(f"{folder / 'edits.sql'}: no `-- step: words`")
    return Example(
        folder=folder,
        preparing=preparing,
        queries=found,
        session=session,
        steps=[Step(words=words, script=script) for words, script in zip(steps[::2], steps[1::2], strict=True)],
    )


def lines(page: Path) -> Sequence[str]:
    """The lines of the blocks of a page, in order, without their comments."""
    found = [line for block in _FENCE.findall(page.read_text("utf-8")) for line in block.splitlines()]
    return [re.sub(r"\s+# .*", "", line).strip() for line in found]

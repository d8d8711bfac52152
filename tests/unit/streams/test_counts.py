"""Numbers with their nouns, in every message that a person reads."""

import ast
import re
from pathlib import Path

import pytest

from streams.wording import count_of

CHECKOUT = Path(__file__).parents[3]
NOUNS = (
    "records|rows|letters|orders|workers|entries|alerts|messages|partitions|institutions|files|keys|tables|visits|reasons|groups"
)


@pytest.mark.parametrize(("number", "said"), [(0, "0 entries"), (1, "1 entry"), (2, "2 entries")])
def test_one_is_one(number, said):
    """`1 entries` is read by people who then ask what else is wrong."""
    assert said == count_of(number, "entry", "entries")


def test_no_verb_writes_a_number_before_a_noun_in_the_plural():
    """Wherever a number may be one: in what the verbs print. Limits (`{0} entries`) stand in settings, and are no counts."""
    wrong = []
    for file in sorted((CHECKOUT / "yibao").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
                wrong += [f"{file.name}:{node.lineno} {one}" for one in re.findall(rf"(?<! of )\0 (?:{NOUNS})\b", text)]
    assert [] == [one for one in wrong if not one.startswith(ALLOWED)]


ALLOWED = ("steering.py", "closed.py:156")
"""Workers that are too many for a limit, and letters that a name means: two at least."""

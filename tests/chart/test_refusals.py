"""What is refused, and that the refusal names the key: a person who reads it knows which line of the values is meant."""

import re

import pytest

from tests.chart.rendering import CI, SITE, Refused, text

BAD = tuple(sorted((CI / "bad").glob("*.yaml")))


@pytest.mark.parametrize("helm", [3, 4])
@pytest.mark.parametrize("file", BAD, ids=[file.stem for file in BAD])
def test_bad_values_are_refused_by_name(file, helm):
    """Each file says in its first line what the refusal must name: the key that a guard begins with, what the schema quotes."""
    named = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("# refused: ").split()
    with pytest.raises(Refused) as refused:
        text((SITE, file), helm)
    said = f"{refused.value}"
    guard = re.search(r"execution error at \([^)]*\): ([^:]+):", said)
    assert guard is None or guard[1] == named[0]
    assert all(one in said for one in named)
    accidents = r"nil pointer|wrong type|panic|invalid value|parse error"
    assert not re.search(accidents, said), "an accident, and no refusal"


def test_there_are_enough_of_them():
    """Beside what the schema refuses, every guard of the templates has one."""
    assert len(BAD) >= 40

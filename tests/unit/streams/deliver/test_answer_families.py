"""Answers as five families of platforms write them, before and after the site has said what they mean."""

from pathlib import Path

import pytest
import yaml

from streams.mapping.answering import Answers
from tests.unit.streams.deliver.judging import judge, outcome

FAMILIES = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in Path(__file__).parent.glob("families/*.yaml")}
CASES = [(name, number) for name, family in sorted(FAMILIES.items()) for number in range(len(family["answers"]))]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_recorded_answer_means_what_its_platform_says_by_it(name, number):
    """What nobody described is held or tried again, and never taken for success; what a site described is understood."""
    family = FAMILIES[name]
    recorded = family["answers"][number]
    body, status = recorded["body"].encode(family.get("charset", "utf-8")), recorded.get("status", 200)
    assert recorded["without"] == outcome(judge(body, status=status))
    found = judge(body, status=status, profile=Answers.model_validate(family["platform_answers"]).profile())
    assert recorded["expected"] == outcome(found)
    assert recorded.get("says", "") in (getattr(found, "message", "") or getattr(found, "words", ""))


def test_there_are_five_families():
    """A folder that is not found has no cases, and all of them pass."""
    assert 5 == len(FAMILIES)

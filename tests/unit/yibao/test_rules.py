"""`yibao rules list`: every rule that a site can set, once, with its level there."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from streams.domain.validate.catalogue import described
from streams.domain.validate.judge import RULE_IDS, RULES
from yibao.main import build

SITE = Path(__file__).parents[1] / "streams" / "domain" / "join" / "join_site" / "site.yaml"


def listed(*words):
    arguments = ["rules", "list", *words]
    result = CliRunner().invoke(build(arguments), arguments, env={"YIBAO_CONFIG": None})
    assert 0 == result.exit_code, result.output
    return result.output


def test_every_rule_that_a_site_can_name_is_described_in_both_languages():
    """Of all its services."""
    assert {one.id for one in described()} == RULE_IDS
    for rule in RULES:
        (one,) = (one for one in described() if (one.id, one.title) == (rule.id, rule.title))
        assert rule.services <= {*one.services}
        assert rule.clause in one.clause
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in one.chinese) for one in described())
    assert len(described()) == len({(one.id, one.title) for one in described()})


@pytest.mark.parametrize(("words", "level"), [((), "refuse"), (("-c", f"{SITE}"), "off")])
def test_the_level_is_that_of_the_site(words, level):
    """Without a site, that which holds where nobody says otherwise."""
    told = {one["rule"]: one for one in json.loads(listed(*words, "-o", "json"))}
    assert (level, "refuse") == (told["R12"]["level"], told["R12"]["default_level"])
    assert {"price_decimals": None} == told["R1"]["rule_options"]


def test_what_nobody_judges_is_listed_as_that():
    """A reviewer looks for every rule of the guide. No level can be set of what nobody judges."""
    told = {one["rule"]: one for one in json.loads(listed("-c", f"{SITE}", "-o", "json")) if one["level"] == "not judged"}
    assert {"R17", "R18"} == {*told}
    assert {*told}.isdisjoint(RULE_IDS)
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in one["chinese"]) for one in told.values())
    assert listed().count("not judged") >= len(told)


def test_it_is_for_people():
    """With the clause to look up."""
    assert "guide 122" in listed()

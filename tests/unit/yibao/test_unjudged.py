"""What `yibao check` says of rules that nobody judges in a source."""

from pathlib import Path

import pytest

from streams.mapping import load_site
from yibao.unjudged import unjudged

JOINS = Path(__file__).parents[1] / "streams" / "domain" / "join" / "join_site" / "site.yaml"


@pytest.mark.parametrize(("rules", "told"), [({}, {("many", "R2")}), ({"R2": "off"}, set())])
def test_a_rule_that_a_mapping_gives_nothing_to_judge_by_is_named(rules, told):
    """That nothing was found is no lie then. What is switched off is nobody's loss."""
    site = load_site(JOINS).model_copy(update={"rules": rules})
    assert told == {(source, rule) for source, rule, _ in unjudged(site)}


def test_an_amount_of_another_table_is_not_judged(tmp_path):
    """Its row may have said something else when the settlement was counted."""
    for file in JOINS.parent.iterdir():
        (tmp_path / file.name).write_text(file.read_text("utf-8"), "utf-8")
    mapping = tmp_path / "his.yaml"
    text = mapping.read_text("utf-8")
    assert "MEDFEE_SUMAMT: total" in text
    mapping.write_text(text.replace("MEDFEE_SUMAMT: total", "MEDFEE_SUMAMT: {column: med_type, of: visit}"), "utf-8")
    assert {("his", "R2"), ("his", "R25")} <= {(source, rule) for source, rule, _ in unjudged(load_site(tmp_path / "site.yaml"))}

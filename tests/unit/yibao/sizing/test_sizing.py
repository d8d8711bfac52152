"""What `yibao sizing` promises: a plan that holds when it is played, and falls over when something of it is taken away."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from yibao import main
from yibao.sizing.demand import Demand
from yibao.sizing.page import SITES, written
from yibao.sizing.plan import plan_of
from yibao.sizing.simulation import play

PAGE = Path(__file__).parents[4] / "docs" / "sizing.md"
PROVINCE = SITES["a province"]
SITE_PARTITIONS = 12
"""Of a site whose platform answers quickly."""

DEMANDS = st.builds(
    Demand,
    fee_lines=st.integers(100, 20_000_000),
    hospitals=st.integers(20, 500),
    peak=st.floats(1, 8),
    outage_h=st.floats(0.5, 48),
    drain_min=st.floats(10, 60),
    answer_ms=st.floats(5, 3000),
    requests_per_s=st.none(),
    slower=st.floats(0.5, 3),
    kept_days=st.just(14),
    for_days=st.just(365),
)


def ran(*words):
    return CliRunner().invoke(main.build(["sizing"]), ["sizing", *map(str, words)])


def test_the_page_has_the_tables_of_the_code():
    """Print them anew: `python -m yibao.sizing docs/sizing.md`."""
    page = PAGE.read_text(encoding="utf-8")
    assert written(page) == page
    assert page.count("| join: workers | ") == 1


@settings(max_examples=5)
@given(DEMANDS, st.integers(1, 1000))
def test_what_is_planned_without_a_limit_carries_the_busiest_hour_and_forgets_the_outage_in_time(demand, seed):
    """Chance puts more on one partition than on another, and the present hour's changes come beside what waited."""
    plan = plan_of(demand)
    if plan.limits:
        return
    played = play(demand, plan, seed=seed)
    assert played.worst_join_s < 10
    assert played.left < max(50, 30 * demand.peak_records_per_s())
    assert played.drained_s is not None
    assert played.drained_s <= 1.1 * demand.drain_min * 60 + 30


def test_with_a_worker_in_place_of_those_that_are_planned_the_busiest_hour_is_not_carried():
    """A simulation that carries everything would prove nothing."""
    demand = replace(PROVINCE, fee_lines=15_000_000, slower=3.0, drain_min=10)
    plan = plan_of(demand)
    assert plan.join.workers > 2
    fewer = replace(plan, join=replace(plan.join, workers=1), deliver=replace(plan.deliver, workers=1))
    assert play(demand, fewer).left > 100 * play(demand, plan).left + 1000


def test_with_a_slow_platform_lanes_decide_and_too_few_do_not_drain():
    """A lane has one request under way: more workers are no help."""
    demand = replace(SITES["20 hospitals"], answer_ms=1000, drain_min=20)
    plan = plan_of(demand)
    assert plan.partitions > SITE_PARTITIONS
    few = replace(plan, partitions=12)
    assert (play(demand, plan).drained_s or 9e9) < 0.6 * (play(demand, few).drained_s or 9e9)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hospitals": 1, "fee_lines": 60_000_000}, "capture its databases as several sources"),
        ({"requests_per_s": 20.0}, "it takes longer, or ask for more"),
        ({"requests_per_s": 20.0}, "less than comes in the busiest hour"),
        ({"answer_ms": 60_000.0, "fee_lines": 60_000_000}, "report as several sites"),
        ({"outage_h": 24.0 * 8}, "more than half of the 14 days"),
    ],
)
def test_what_no_number_of_workers_gives_is_said_with_what_can_be_done(change, says):
    """Exit code 1, in a script of whoever plans."""
    assert any(says in limit for limit in plan_of(replace(PROVINCE, **change)).limits)


def test_the_verb_tells_it_to_people_programs_and_the_chart():
    """The same plan each time."""
    asked = ("--fee-lines", 600_000, "--hospitals", 20, "--drain", 10)
    table, document, chart = ran(*asked), ran(*asked, "-o", "json"), ran(*asked, "--values")
    assert (0, 0, 0) == (table.exit_code, document.exit_code, chart.exit_code)
    assert max(map(len, table.output.splitlines())) <= 80
    plan = json.loads(document.output)["plan"]
    assert f"kafka.partitions: {plan['partitions']} " in table.output
    values = yaml.safe_load(chart.output)
    assert {name: plan[name]["workers"] for name in values} == {name: stage["replicas"] for name, stage in values.items()}


def test_what_the_platform_allows_bounds_the_drain_by_the_formulas_too():
    """Its share of a day that brings more than it takes is gone after hours, and that is said."""
    plan = plan_of(replace(PROVINCE, requests_per_s=40.0))
    assert 3 * 3600 < plan.drain_s < 6 * 3600


def test_what_the_platform_does_not_allow_is_exit_code_1():
    """The plan is shown all the same."""
    told = ran("--fee-lines", 600_000, "--hospitals", 20, "--requests-per-s", 2)
    assert (1, True) == (told.exit_code, "LIMIT platform" in told.output)


def test_the_chart_takes_the_values():
    """Keys of its own values file, at every level."""
    shipped = yaml.safe_load((PAGE.parents[1] / "helm" / "yibao-cdc" / "values.yaml").read_text(encoding="utf-8"))
    made = yaml.safe_load(ran("--fee-lines", 6_000_000, "--hospitals", 400, "--values").output)

    def unknown(made, shipped):
        return [key for key in made if key not in shipped or (isinstance(made[key], dict) and unknown(made[key], shipped[key]))]

    assert [] == unknown(made, shipped)

"""Topics that would drop an open dead letter, or its receipt: what is refused, and that nothing else is."""

import pytest

from streams.topics.keeping import demand_kept, shortest_ms
from streams.topics.shapes import TopicAction, compare
from tests.unit.streams.topics.test_shapes import SPECS, TOPICS, live

DAY_MS = 86_400_000
NOW_MS = 1_700_000_000_000
NEEDED = (TOPICS.dead, TOPICS.receipts)


def planned(age_days, topic=TOPICS.dead, **altered):
    """The plan of a topic with altered settings, when the oldest open letter is so old."""
    found = {name: live(spec) for name, spec in SPECS.items()}
    found[topic] = live(
        SPECS[topic], configs={**SPECS[topic].configs, **{name.replace("_", "."): one for name, one in altered.items()}}
    )
    plans = compare(tuple(SPECS.values()), found)
    told = demand_kept(plans, found, NEEDED, since_ms=NOW_MS - int(age_days * DAY_MS), now_ms=NOW_MS)
    assert [TopicAction.UNCHANGED] * (len(told) - 1) == [plan.action for plan in told if plan.spec.name != topic]
    return next(plan for plan in told if plan.spec.name == topic), shortest_ms(plans, found, NEEDED)


@pytest.mark.parametrize("topic", NEEDED)
def test_a_topic_that_keeps_records_for_less_than_a_letter_is_open_is_refused(topic):
    """The broker drops the letter, and nobody is told: its record was never reported."""
    plan, shortest = planned(8, topic, retention_ms=f"{7 * DAY_MS}")
    assert (TopicAction.CONFLICT, 7 * DAY_MS) == (plan.action, shortest)
    [told] = plan.differences
    assert "7.0 days" in told
    assert "8.0 days" in told
    assert f"--entity-name {topic} --add-config retention.ms={SPECS[topic].configs['retention.ms']}" in told


def test_a_topic_that_drops_records_by_size_is_refused_while_a_letter_is_open():
    """A bad night fills it within hours."""
    plan, shortest = planned(0, retention_bytes="1000000")
    assert (TopicAction.CONFLICT, 0) == (plan.action, shortest)
    assert "retention.bytes=-1" in plan.differences[0]


def test_a_younger_letter_lets_another_retention_be():
    """It differs, and does no harm yet."""
    plan, _ = planned(6.9, retention_ms=f"{7 * DAY_MS}")
    assert TopicAction.DRIFTED is plan.action


def test_what_is_planned_is_held_against_the_letters_too():
    """Somebody who follows the plan must not lose them."""
    found = {name: live(SPECS[name], configs={**SPECS[name].configs, "retention.ms": "-1"}) for name in NEEDED}
    plans = compare([SPECS[name] for name in NEEDED], found)
    for age_days, refused in ((399, False), (401, True)):
        told = demand_kept(plans, found, NEEDED, since_ms=NOW_MS - age_days * DAY_MS, now_ms=NOW_MS)
        assert [refused] * 2 == [plan.action is TopicAction.CONFLICT and "site.yaml" in plan.differences[0] for plan in told]

"""Whether topics keep what people still need: open dead letters, and the receipts that say what became of their records. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from streams.topics.shapes import LiveTopic, TopicAction, TopicPlan, TopicSpec

_DAY_MS: Final = 86_400_000
_FOR_EVER: Final = "-1"


def kept_ms(configs: Mapping[str, str]) -> int | None:
    """How long a topic with these settings keeps a record; None: for ever."""
    if configs.get("cleanup.policy") == "compact" or (found := int(configs.get("retention.ms", _FOR_EVER))) < 0:
        return None
    return found


def is_cut_by_size(live: LiveTopic) -> bool:
    """Whether a topic drops its oldest records when it is large, whatever their age."""
    return live.configs.get("retention.bytes", _FOR_EVER) != _FOR_EVER and live.configs.get("cleanup.policy") != "compact"


def shortest_ms(plans: Sequence[TopicPlan], live: Mapping[str, LiveTopic], names: Sequence[str]) -> int | None:
    """The shortest of how long these topics keep a record, as they are or as they are planned: 0 where one is cut by its size, None
    where all keep everything for ever.
    """
    bounds = [bound for plan in _of(plans, live, names) for bound in _bounds(plan.spec, live[plan.spec.name]) if bound is not None]
    return min(bounds, default=None)


def demand_kept(
    plans: Sequence[TopicPlan], live: Mapping[str, LiveTopic], names: Sequence[str], *, since_ms: int, now_ms: int
) -> tuple[TopicPlan, ...]:
    """The plans; one of `names` that does not keep what is open since `since_ms` is a conflict, and says how to mend it."""
    found = {plan.spec.name: tuple(_faults(plan.spec, live[plan.spec.name], now_ms - since_ms)) for plan in _of(plans, live, names)}
    return tuple(_refused(plan, faults) if (faults := found.get(plan.spec.name)) else plan for plan in plans)


def _refused(plan: TopicPlan, faults: tuple[str, ...]) -> TopicPlan:
    others = plan.differences if plan.action is TopicAction.CONFLICT else ()
    return replace(plan, action=TopicAction.CONFLICT, differences=(*others, *faults))


def _of(plans: Sequence[TopicPlan], live: Mapping[str, LiveTopic], names: Sequence[str]) -> Iterator[TopicPlan]:
    for plan in plans:
        if plan.spec.name in names and plan.spec.name in live:
            yield plan


def _bounds(spec: TopicSpec, live: LiveTopic) -> Iterator[int | None]:
    yield kept_ms(live.configs)
    yield kept_ms(spec.configs)
    if is_cut_by_size(live):
        yield 0


def _faults(spec: TopicSpec, live: LiveTopic, age_ms: int) -> Iterator[str]:
    lost = f"the oldest open dead letter is {days(age_ms)} old: it, or what tells what became of it, would be lost"
    alter = f"kafka-configs.sh --alter --entity-type topics --entity-name {spec.name} --add-config"
    if is_cut_by_size(live):
        size = live.configs["retention.bytes"]
        yield f"has retention.bytes {size}, which drops records whatever their age, and {lost}. {alter} retention.bytes=-1"
    if (kept := kept_ms(live.configs)) is not None and kept <= age_ms:
        enough = max(int(spec.configs["retention.ms"]), 2 * age_ms)
        yield f"has retention.ms {kept} ({days(kept)}), and {lost}. {alter} retention.ms={enough}"
    if (planned := kept_ms(spec.configs)) is not None and planned <= age_ms:
        yield f"is to keep records for {days(planned)} (retention in site.yaml), and {lost}. Mend or close it, or plan for longer"


def days(span_ms: int) -> str:
    """A span as a person reads it."""
    return f"{span_ms / _DAY_MS:.1f} days"

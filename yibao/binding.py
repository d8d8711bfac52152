"""Whose topics a verb is about to use: bound by `topics apply`, demanded by what changes something, told by what only reads."""

import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import typer

from connector.findings import Finding, Severity
from streams.broker_wiring import broker_access, client_options
from streams.errors import Misconfigured, Refused, Unreachable, YibaoError
from streams.mapping import Site
from streams.mapping.identity import identity_of
from streams.topics.binding import INSTITUTIONS, MARKS, SOURCES, Binding, Entry, OtherSite, mark_of, objection
from streams.topics.binding_log import read_binding, read_bindings, write_binding
from streams.topics.broker import Broker
from streams.topics.rebinding import BindingAction, BindingPlan, Consent, beside, plan_binding
from streams.topics.shapes import TopicAction, TopicPlan
from streams.topics.stages import stages
from streams.topics.twins import twins
from yibao.persons import actor
from yibao.reasons_given import without_numbers


def planned_binding(site: Site, broker: Broker, topics: Sequence[TopicPlan], *, consent: Consent) -> BindingPlan:
    """What `topics apply` would do to the binding. topics: the live ones, compared with what they must be."""
    name = site.topics.binding
    is_there = any(topic.spec.name == name and topic.action is not TopicAction.CREATE for topic in topics)
    bound = read_binding(client_options(site), name) if is_there else None
    worked = bound is None and broker.has_worked(stages(site.topics, site.sources), partitions=site.kafka.partitions)
    plan = plan_binding(bound, identity_of(site), topic=name, worked=worked, consent=consent)
    if not plan.writes:
        return plan
    others, notes = _others(site, broker)
    taken = frozenset(one.mark for one in others.values())
    return replace(beside(plan, others, consent=consent), notes=notes, taken=taken)


def _others(site: Site, broker: Broker) -> tuple[dict[str, Binding], tuple[str, ...]]:
    """What is bound under other prefixes on these brokers, by its topic; and what of that could not be read."""
    own = site.topics.binding
    suffix = own.removeprefix(site.kafka.topic_prefix)
    others, unread = read_bindings(client_options(site), [name for name in broker.ending_with(suffix) if name != own])
    return others, tuple(
        f"note: {name} was not read; it may be of a site that reports the same: {why}" for name, why in unread.items()
    )


def bind(site: Site, broker: Broker, plan: BindingPlan, *, topics: Sequence[TopicPlan], why: str) -> None:
    """Do it, before anything else is created. Raises Misconfigured where the topics belong to another site, Refused while workers
    run that might go on under what was bound before, where another site reports the same, or where somebody else was quicker.
    """
    if plan.twins:
        raise Refused(plan.refusal)
    if plan.refusal:
        raise Misconfigured(plan.refusal)
    groups = list(dict.fromkeys(stage.group for stage in stages(site.topics, site.sources)))
    if plan.needs_standstill and (members := broker.members(groups)):
        raise Refused(
            f"nothing was bound, because workers run: {'; '.join(members)}. Stop all of them; one that died counts for 10 s more"
        )
    entry = Entry(id=secrets.token_hex(8), at=now_of(site), by=actor(), why=without_numbers(why))
    binding = plan.binding(entry, fresh_mark=_fresh_mark(plan.taken))
    if binding is None:
        return
    broker.create([one.spec for one in topics if one.spec.name == site.topics.binding and one.action is TopicAction.CREATE])
    write_binding(client_options(site), site.topics.binding, binding)


def _fresh_mark(taken: Collection[str]) -> str:
    """A mark that no other site of these brokers has: it tells their msgids apart."""
    while (mark := mark_of(secrets.randbelow(MARKS))) in taken:
        pass
    return mark


def demand_own_topics(site: Site) -> None:
    """Raises Misconfigured where the topics are bound to another site than this file describes, or to none."""
    if (found := _objection(site)) is not None:
        raise Misconfigured(f"{site.file}: {found}")


def refuse_other_site(site: Site) -> None:
    """Before an order to a capture: raises Misconfigured where the topics are bound to another site. Not where nothing is bound,
    nor where no broker says so: a capture can be stopped at any time.
    """
    with suppress(Unreachable):
        if (found := _objection(site)) is not None and found.binding is not None:
            raise Misconfigured(f"{site.file}: {found}")


def warn_of_other_site(site: Site) -> None:
    """Tell on standard error that what is read here is another site's. Nothing else follows, for reading does no harm; and who may
    not read the binding is not kept from what they may read.
    """
    with suppress(YibaoError):
        if (found := _objection(site)) is not None and found.binding is not None:
            typer.echo(f"warning: {found}", err=True)


def found_in_binding(site: Site) -> Iterator[Finding]:
    """Whether the topics are this site's. That they, or a source, are not bound yet stands against nothing."""
    try:
        found = _objection(site)
    except Unreachable as away:
        yield Finding(where=site.topics.binding, what=f"was not read: {away}", mend="look again", severity=Severity.WARNS)
        return
    yield from _found_twins(site, bound=found is None or found.binding is not None)
    if found is not None:
        is_new = found.binding is None or all(not one.bound for one in found.differences)
        severity = Severity.WARNS if is_new else Severity.BLOCKS
        yield Finding(where=f"{site.file}:", what=f"{found}", mend="docs/operations.md, Whose topics these are", severity=severity)


def _found_twins(site: Site, *, bound: bool) -> Iterator[Finding]:
    """The sites that report the same. That stands against one that is not bound, for `topics apply` would refuse it."""
    try:
        with Broker(broker_access(site)) as broker:
            others, notes = _others(site, broker)
    except (Unreachable, Refused) as away:
        others, notes = {}, (f"other sites' bindings were not read: {away}",)
    for one in twins(identity_of(site), others):
        yield Finding(
            where=f"{site.file}:",
            what=f"{one}: everything in it is reported twice",
            mend="give a copy another platform.url (docs/operations.md, Whose topics these are)",
            severity=Severity.WARNS if bound else Severity.BLOCKS,
        )
    for note in notes:
        yield Finding(where=site.topics.binding, what=note.removeprefix("note: "), mend="look again", severity=Severity.WARNS)


def _objection(site: Site) -> OtherSite | None:
    topic = site.topics.binding
    return objection(read_binding(client_options(site), topic), identity_of(site), topic=topic)


def binding_document(plan: BindingPlan) -> dict[str, object]:
    """As `-o json` has it."""
    return {
        "action": plan.action.value,
        "here": _parts(plan.here.parts()),
        "bound": None if plan.bound is None else _bound(plan.bound),
        "differences": [{"what": one.what, "bound": one.bound, "here": one.here} for one in plan.differences],
        "refusal": plan.refusal,
        "notes": list(plan.notes),
    }


def binding_lines(plan: BindingPlan, *, done: bool) -> list[str]:
    """As a person reads it."""
    said = {BindingAction.UNCHANGED: "bound", BindingAction.REFUSE: "refused"}
    verb = said.get(plan.action, f"{plan.action.value}: {'done' if done else 'to do'}")
    told = [f"site {plan.here.site} -> {plan.here.platform}: {verb}", *(f"  {one}" for one in plan.differences)]
    return [*told, *plan.notes, *([plan.refusal] if plan.refusal else [])]


def _bound(binding: Binding) -> dict[str, Any]:
    entry = binding.entry
    return {**_parts(binding.identity.parts()), "mark": binding.mark, "at": entry.at, "by": entry.by, "why": entry.why}


def _parts(parts: dict[str, str]) -> dict[str, Any]:
    plain = {what: value for what, value in parts.items() if not what.startswith((SOURCES, INSTITUTIONS))}
    return {**plain, "sources": _beginning(SOURCES, parts), "institutions": _beginning(INSTITUTIONS, parts)}


def _beginning(words: str, parts: dict[str, str]) -> dict[str, str]:
    return {what.removeprefix(words): value for what, value in parts.items() if what.startswith(words)}


def now_of(site: Site) -> str:
    """The time at the site, in ISO form with its zone."""
    return datetime.now(ZoneInfo(site.timezone)).isoformat(timespec="seconds")

"""What `topics apply` may bind: new topics, a new source, and what a person asks for by name. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from streams.topics.binding import INSTITUTIONS, Binding, Difference, Entry, OtherSite, SiteIdentity, differences, lines, renamed
from streams.topics.twins import Twin, refusal_of, twins


class BindingAction(StrEnum):
    """What is done to the binding. BIND: the topics are new. ADOPT: they have worked unbound, and a person says whose they are.
    EXTEND: the file has a source or an institution more. REBIND: a person says that the site itself has changed. REFUSE: it is left
    as it is.
    """

    BIND = "bind"
    ADOPT = "adopt"
    EXTEND = "extend"
    REBIND = "rebind"
    UNCHANGED = "unchanged"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person agreed to."""

    bind: bool = False
    """Bind topics that have worked without a binding."""
    rebind: tuple[str, ...] = ()
    """Parts of the site that have changed."""
    report_again: bool = False
    """Have a source under a name that remembers nothing, in place of one that does; or one that another site reports, too."""
    why: str = ""
    """Kept with the binding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingPlan:
    """What has to be done to the binding."""

    action: BindingAction
    """Whether an entry is written, and of what kind."""
    here: SiteIdentity
    """What the file says."""
    bound: Binding | None
    """What is bound."""
    differences: tuple[Difference, ...] = field(default=())
    """In what they differ."""
    refusal: str = ""
    """Why it is left as it is, and what to do; `""` where it is not refused."""
    twins: tuple[Twin, ...] = field(default=())
    """The sites because of which it is refused: they report the same."""
    notes: tuple[str, ...] = field(default=())
    """What a person should know of it."""
    taken: frozenset[str] = frozenset()
    """Marks that other sites of these brokers have."""

    @property
    def writes(self) -> bool:
        """Whether an entry is written."""
        return self.action not in (BindingAction.UNCHANGED, BindingAction.REFUSE)

    @property
    def needs_standstill(self) -> bool:
        """Whether running workers might go on under what was bound before."""
        return self.action in (BindingAction.ADOPT, BindingAction.REBIND)

    def binding(self, entry: Entry, *, fresh_mark: str) -> Binding | None:
        """The entry to write; None where there is nothing to write."""
        if not self.writes:
            return None
        if self.bound is None:
            return Binding(identity=self.here, mark=fresh_mark, entry=entry)
        went = {one.what for one in self.differences}
        kept = {name: code for name, code in self.bound.identity.institutions.items() if f"{INSTITUTIONS}{name}" not in went}
        identity = replace(self.here, institutions={**kept, **self.here.institutions})
        return replace(self.bound, identity=identity, entry=entry, after=self.bound.entry.id)


def plan_binding(bound: Binding | None, here: SiteIdentity, *, topic: str, worked: bool, consent: Consent) -> BindingPlan:
    """Decide what becomes of the binding. topic: where it stands. worked: whether the stages have been at work in these topics."""
    found = () if bound is None else differences(bound.identity, here)
    refusal = _wrong_consent(found, consent) or (
        _unbound(here, worked=worked, consent=consent)
        if bound is None
        else _changed(OtherSite(binding=bound, topic=topic, differences=found), bound, here, consent)
    )
    action = BindingAction.REFUSE if refusal else _action(bound, found, worked=worked)
    return BindingPlan(action=action, here=here, bound=bound, differences=found, refusal=refusal)


def beside(plan: BindingPlan, others: Mapping[str, Binding], *, consent: Consent) -> BindingPlan:
    """The same plan, or a refusal where it would make a twin of another site. others: as `twins` takes them."""
    before = () if plan.bound is None else twins(plan.bound.identity, others)
    found = tuple(one for one in twins(plan.here, others) if one not in before)
    if not (plan.writes and found) or consent.report_again:
        return plan
    return replace(plan, action=BindingAction.REFUSE, refusal=refusal_of(found), twins=found)


def _action(bound: Binding | None, found: Sequence[Difference], *, worked: bool) -> BindingAction:
    if bound is None:
        return BindingAction.ADOPT if worked else BindingAction.BIND
    if not found:
        return BindingAction.UNCHANGED
    return BindingAction.REBIND if _bound_before(found) else BindingAction.EXTEND


def _bound_before(found: Sequence[Difference]) -> set[str]:
    return {one.what for one in found if one.bound}


def _wrong_consent(found: Sequence[Difference], consent: Consent) -> str:
    """Whoever names what has not changed has another file or another site before them than they think."""
    changed, new = _bound_before(found), {one.what for one in found if not one.bound}
    if unbound := [name for name in consent.rebind if name in new]:
        told = f"{', '.join(unbound)} is not bound yet, so there is nothing to rebind: --rebind names what is bound and has changed"
        return f"{told}. {renamed(found) or 'Leave it out: `yibao topics apply` binds what is new'}"
    if idle := [name for name in consent.rebind if name not in changed]:
        known = f"what differs is {', '.join(sorted(changed))}" if changed else "nothing that is bound differs from this file"
        return f"--rebind {', '.join(idle)} would change nothing: {known}"
    if consent.rebind and not consent.why.strip():
        return "--rebind needs --why: it is kept with the binding, for whoever asks later"
    return ""


def _unbound(here: SiteIdentity, *, worked: bool, consent: Consent) -> str:
    if not worked or consent.bind:
        return ""
    return (
        "these topics have been worked in and are bound to no site: an earlier version made them, or the binding was deleted. Is "
        f"this file the site itself, and no copy of it ({'; '.join(lines(here))})? Then stop all workers and run "
        "`yibao topics apply --bind`"
    )


def _changed(other: OtherSite, bound: Binding, here: SiteIdentity, consent: Consent) -> str:
    changed = _bound_before(other.differences)
    if "prefix" in changed or changed - {*consent.rebind}:
        return f"{other}"
    kept = {*bound.identity.parts().items()} & {*here.parts().items()}
    if not {what for what, _ in kept if what != "prefix" and not what.startswith(INSTITUTIONS)}:
        return "name, platform and databases are all others than the bound ones: another site needs a kafka.topic_prefix of its own"
    return "" if consent.report_again else renamed(other.differences)

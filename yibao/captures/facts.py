"""What a site's captures were applied against: looked at, written down and compared. The only place that knows both sides of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from connector.contract import CaptureSource, Drift, FactsDocument, Look
from connector.errors import CaptureError, Refused
from connector.errors import Misconfigured as RefusedLogin
from connector.facts import look
from connector.findings import Finding, Severity
from connector.profiles import profile_of
from streams.broker_wiring import client_options
from streams.errors import Misconfigured, Unreachable, YibaoError
from streams.lanes.place.lookout import remedy
from streams.mapping import Site, capture_sources
from streams.topics.control import Control, Controls
from streams.topics.whole import read_whole
from streams.topics.writing import write
from yibao.binding import now_of
from yibao.captures.from_site import database_password, found_in_database, stands_against
from yibao.persons import actor

REFUSES = "its database refuses what capture logs in by, which goes on for as long as its connection stands"
_UNKNOWN = "it is not known whether it was written down: look with `yibao connector status`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What is written down about a source, and what its database says."""

    source: str
    control: Control | None
    """None where nothing is written down yet."""
    found: Look | None
    """None where the database was not looked at."""
    unseen: str = ""
    """Why it does not let itself be looked at from here; `""` where it does, or nobody tried."""
    refused: bool = False
    """Whether that is because it answers and refuses: Connect would not be let in again either."""

    @property
    def drifts(self) -> tuple[Drift, ...]:
        """In what the database differs."""
        return () if self.found is None else self.found.drifts

    @property
    def is_well(self) -> bool:
        """Whether its rows are placed, nothing differs, and its database would let capture in again."""
        return not (self.drifts or self.refused or (self.control is not None and self.control.stopped))

    @property
    def mend(self) -> str:
        """What a person does about it; `""` where it is well."""
        control = self.control
        if control is not None and control.stopped:
            return remedy(self.source, control.read_again, control.reasons)
        if self.refused:
            return f"give back what is missing (yibao source prepare {self.source} prints all of it); then: yibao check"
        tables = dict.fromkeys(table for drift in self.drifts for table in drift.tables)
        return remedy(self.source, tables, map(str, self.drifts)) if self.drifts else ""

    @property
    def lines(self) -> list[str]:
        """What a person must know and do."""
        control = self.control
        if control is not None and control.stopped:
            why = "; ".join(control.reasons)
            return [f"{self.source}: its rows are not placed since {control.since} ({control.by}): {why}", f"  {self.mend}"]
        if self.refused:
            return [f"{self.source}: {REFUSES}: {self.unseen}", f"  {self.mend}"]
        told = [f"{self.source}: not what its capture was applied against: {drift}" for drift in self.drifts]
        if told:
            return [*told, f"  {self.mend}"]
        owed = () if control is None else control.read_again
        return [f"{self.source}: still to be read again: yibao resnapshot {table} --source {self.source} --wait" for table in owed]

    @property
    def document(self) -> dict[str, object] | None:
        """As `-o json` has it."""
        if self.control is None:
            return None
        control, facts = self.control, self.control.facts
        return {
            "stopped": control.stopped,
            "reasons": list(control.reasons),
            "since": control.since,
            "read_again": list(control.read_again),
            "at": control.at,
            "by": control.by,
            "why": control.why,
            "system": facts.get("system"),
            "timeline": facts.get("timeline"),
            "differs": [f"{drift}" for drift in self.drifts] if self.found is not None else None,
        }


def looking_at(site: Site) -> Callable[[str, FactsDocument | None], Look]:
    """Looks at the database of a source by its name. Raises CaptureError, YibaoError."""
    sources = {source.name: source for source in capture_sources(site)}
    return lambda name, applied: look_at(sources[name], applied)


def look_at(source: CaptureSource, applied: FactsDocument | None) -> Look:
    """Log in and compare. Raises CaptureError, YibaoError."""
    return look(source, applied, profile_of(source.kind).read_facts(source, password=database_password(source)))


def controls_of(site: Site) -> Controls:
    """What `visit.control` says; nothing where the topic is missing. Raises Unreachable, Newer, Fatal."""
    controls = Controls()
    try:
        controls.take(message.value for message in read_whole(client_options(site), site.topics.control))
    except Misconfigured:
        return controls  # no such topic
    return controls


def stand_of(site: Site, source: CaptureSource) -> Stand:
    """What is written down, and what differs from it. Raises Unreachable and what `look_at` raises."""
    control = controls_of(site).by_source.get(source.name)
    if not profile_of(source.kind).looks:
        return Stand(source=source.name, control=control, found=None)
    return Stand(source=source.name, control=control, found=look_at(source, None if control is None else control.facts))


def stands_of(site: Site, sources: Sequence[CaptureSource]) -> dict[str, Stand]:
    """The same for several, by name. A database that does not let itself be looked at from here is passed over."""
    stands, controls = {}, controls_of(site).by_source
    for source in sources:
        control, found, unseen, refused = controls.get(source.name), None, "", False
        try:
            found = None if control is None else look_at(source, control.facts)
        except (YibaoError, CaptureError) as away:
            unseen, refused = f"{away}", isinstance(away, Refused | RefusedLogin)
        stands[source.name] = Stand(source=source.name, control=control, found=found, unseen=unseen, refused=refused)
    return stands


def found_in_source(site: Site, source: CaptureSource) -> tuple[Finding, ...]:
    """What stands against this source in its database; where nothing does, in what it differs from what capture was applied
    against: that stands against capture, too, until a person accepts it. Of a kind that is not looked at: that.
    """
    found = found_in_database(source)
    return found if stands_against(found) or not profile_of(source.kind).looks else (*found, *_found_since_applied(site, source))


def _found_since_applied(site: Site, source: CaptureSource) -> tuple[Finding, ...]:
    try:
        stand = stand_of(site, source)
    except Unreachable as away:
        told = f"was not read, so nothing is compared with what capture was applied against: {away}"
        return (Finding(where=site.topics.control, what=told, mend="look again", severity=Severity.WARNS),)
    return tuple(
        Finding(where=drift.where, what=drift.what, mend=remedy(source.name, drift.tables, [f"{drift}"])) for drift in stand.drifts
    )


def write_down(site: Site, control: Control) -> None:
    """Write an entry. Raises Unreachable where it is not known whether that was done."""
    write(client_options(site), site.topics.control, key=control.key, value=control.dump(), otherwise=_UNKNOWN)


def note_applied(site: Site, source: CaptureSource) -> None:
    """After a capture was applied: write down against what, where that is new. What differs is left for `resume`."""
    control = controls_of(site).by_source.get(source.name)
    known = control or Control(source=source.name, facts={}, at="", by="")
    if profile_of(source.kind).looks:
        found = look_at(source, None if control is None else control.facts)
        facts, adds = found.facts, found.adds
    else:
        facts, adds = known.facts, control is None
    if not adds:
        return
    write_down(site, replace(known, facts=facts, at=now_of(site), by=actor(), why="yibao connector apply"))


def note_to_read(site: Site, source: CaptureSource, tables: Sequence[str], *, why: str) -> None:
    """Before a capture is applied that has tables or columns more, or one begins anew: they are owed until they were read. Not
    where nothing is written down about the source yet: then its first snapshot is still to come. why: the command.
    """
    control = controls_of(site).by_source.get(source.name)
    owed = () if control is None else tuple(dict.fromkeys((*control.read_again, *tables)))
    if control is not None and owed != control.read_again:
        write_down(site, replace(control, read_again=owed, at=now_of(site), by=actor(), why=why))


def note_lost(site: Site, source: CaptureSource, reason: str) -> None:
    """Write down that changes of a source are lost: its rows stay where they are until a person lets them go on, and all its tables
    are owed. Not where nothing was applied yet. reason: begins with what is concerned, as a drift does. Raises Unreachable.
    """
    control = controls_of(site).by_source.get(source.name)
    if control is None or reason in control.reasons:
        return
    tables = tuple(dict.fromkeys((*control.read_again, *(table.name for table in source.tables))))
    now = now_of(site)
    reasons = (*control.reasons, reason)
    write_down(site, replace(control, reasons=reasons, read_again=tables, since=control.since or now, at=now, by=actor(), why=""))


def note_read(site: Site, source: str, table: str) -> None:
    """After all rows of a table were read again: it is owed no more, unless its source stands, for what stopped it may go on."""
    control = controls_of(site).by_source.get(source)
    if control is None or control.stopped or table not in control.read_again:
        return
    rest = tuple(one for one in control.read_again if one != table)
    write_down(site, replace(control, read_again=rest, at=now_of(site), by=actor(), why=f"yibao resnapshot {table}"))


def resumed(site: Site, source: CaptureSource, *, why: str) -> tuple[bool, Control]:
    """Let the rows of a source be placed again, and take what its database is now for what its capture was applied against. Returns
    whether it stood, and what was written; its `read_again` names the tables whose rows must be read again.
    """
    stand = stand_of(site, source)
    before = stand.control
    owed = () if before is None else before.read_again
    tables = tuple(dict.fromkeys((*owed, *(table for drift in stand.drifts for table in drift.tables))))
    looks = profile_of(source.kind).looks
    another = not looks or any(drift.another_server for drift in stand.drifts)  # who cannot look takes no place for one of before
    control = Control(
        source=source.name,
        facts=look_at(source, None).facts if looks else {},
        at=now_of(site),
        by=actor(),
        why=why,
        read_again=tables,
        life=(0 if before is None else before.life) + another,
        taken={} if before is None else before.taken,
    )
    write_down(site, control)
    return before is not None and before.stopped, control

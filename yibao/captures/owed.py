"""Tables whose rows were taken by another mapping, or not at all, and are owed until they were read again."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from connector.contract import CaptureSource
from connector.findings import Finding, Severity
from streams.broker_wiring import broker_access
from streams.errors import Refused, YibaoError
from streams.lanes.fellows import fellow_of
from streams.mapping import Site
from streams.mapping.identity import mapping_of
from streams.mapping.taking import taken_rows
from streams.topics.broker import Broker
from streams.topics.control import Control, otherwise
from yibao.captures.facts import controls_of

_STAGES: Final = ("place", "join")
"""That take rows by a mapping."""


def found_owed(site: Site, source: CaptureSource) -> Iterator[Finding]:
    """Of each table that must be read again why, and the order. Nothing where no broker says so: that is told elsewhere."""
    control = None
    with suppress(YibaoError):
        control = controls_of(site).by_source.get(source.name)
    if control is None or control.stopped:  # what it stands for comes first, and names the tables
        return
    changed = _changed(site, control)
    for table in dict.fromkeys((*changed, *control.read_again)):
        order = f"yibao resnapshot {table} --source {source.name} --wait"
        if words := changed.get(table):
            said, mend = _said(words), f"start the workers anew, then: {order}"
            what = f"has another {said} in the mapping than the one its rows were taken by; they stay what they were until then"
        else:
            what, mend = "is still to be read again: some of its rows are as an earlier mapping, or capture, had them", order
        yield Finding(where=table, what=what, mend=mend, severity=Severity.WARNS)


def owed_tables(site: Site, source: CaptureSource) -> frozenset[str]:
    """The tables of a source that must be read again. Raises Refused where the source stands: what it stands for comes first;
    Unreachable.
    """
    control = controls_of(site).by_source.get(source.name)
    if control is None:
        return frozenset()
    if control.stopped:
        raise Refused(f"{source.name} stands: see yibao connector status; then yibao resume {source.name}, then read again")
    return frozenset({*control.read_again, *_changed(site, control)})


def demand_taking(site: Site, source: str, table: str) -> None:
    """Raise Refused where a table is owed, or will be, and rows would not be taken by this mapping: to read them is in vain."""
    control = controls_of(site).by_source.get(source)
    if control is None or not (table in control.read_again or table in _changed(site, control)):
        return
    if others := _with_other_mapping(site):
        raise Refused(f"{table} was not read: {', '.join(others)} work by another mapping than this file; start them anew first")
    if table in _changed(site, control):
        raise Refused(f"{table} was not read: no worker of place works by this mapping yet; start it, then give the order again")


def is_taken(site: Site, source: str, table: str) -> bool:
    """Whether all workers took the rows of a table by this file's mapping, as far as that is known."""
    control = controls_of(site).by_source.get(source)
    return control is None or not (table in _changed(site, control) or _with_other_mapping(site))


def _changed(site: Site, control: Control) -> dict[str, tuple[str, ...]]:
    return otherwise(control.taken, taken_rows(site)[control.source])


def _said(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _with_other_mapping(site: Site) -> list[str]:
    """The workers that take rows by another mapping, by their names."""
    with Broker(broker_access(site)) as broker:
        found = broker.taking_part([site.topics.group(stage) for stage in _STAGES])
    names = [member.name.partition(" at ")[0] for members in found.values() for member in members]
    fellows = [fellow for name in names if (fellow := fellow_of(name, "")) is not None]
    return sorted({one.name for one in fellows if one.mapping != mapping_of(site)})

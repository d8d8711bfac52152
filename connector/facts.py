"""What a mapping was applied against, and how a database differs from that now. Pure.

Capture goes on without a word when a publication is dropped and made again, when a table is exchanged for another of its name, or
when another server answers under the same address: what happened in between never arrives, or is taken for something known. No name
tells it. So identities are remembered: of the server, of the publication, of each table and column.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from connector.contract import CaptureSource, Drift, FactsDocument, Look, SlotState


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """Which server answers, and how far its log is."""

    system: str
    """The number that it was given when its data directory was made."""
    timeline: int
    """Rises when a standby is promoted and when a backup is restored."""
    log: int
    """Where its log ends, in bytes. It never goes back."""
    slot: bool
    """Whether the replication slot stands and still has its place."""
    slot_name: str = ""
    """The slot's name, as the site has it."""
    slot_state: SlotState | None = field(default=None, compare=False)
    """How it stands now; None where there is none. It is neither kept nor compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicationFacts:
    """The publication itself; what it carries stands with each table."""

    oid: int
    operations: str
    """`iudt`, and `r` where partitions appear under their table's name: what it publishes."""
    name: str = ""
    """Its name, as the site has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """One captured table."""

    oid: int
    published: int | None
    """The identity of its place in the publication; 0 where the publication names no single table; None where it is not in it."""
    identity: str
    """The letter of its replica identity."""
    columns: Mapping[str, tuple[int, str]]
    """By captured column: its number, which no other column of the table ever gets, and its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything about one source that capture relies on and that its names do not tell."""

    server: ServerFacts
    publication: PublicationFacts | None
    """None where it does not exist."""
    tables: Mapping[str, TableFacts]
    """By name; those that exist."""

    def document(self) -> FactsDocument:
        """As it is kept."""
        server, publication = self.server, self.publication
        return {
            "system": server.system,
            "timeline": server.timeline,
            "log": server.log,
            "slot": server.slot,
            "slot_name": server.slot_name,
            "publication": None
            if publication is None
            else {"oid": publication.oid, "operations": publication.operations, "name": publication.name},
            "tables": {
                name: {
                    "oid": table.oid,
                    "published": table.published,
                    "identity": table.identity,
                    "columns": {column: [*about] for column, about in table.columns.items()},
                }
                for name, table in self.tables.items()
            },
        }


def facts_of(document: FactsDocument) -> Facts:
    """The facts that were kept. Raises KeyError, TypeError, ValueError, AttributeError for what are none."""
    publication = document["publication"]
    return Facts(
        server=ServerFacts(
            system=f"{document['system']}",
            timeline=int(document["timeline"]),
            log=int(document["log"]),
            slot=bool(document["slot"]),
            slot_name=f"{document['slot_name']}",
        ),
        publication=None
        if publication is None
        else PublicationFacts(
            oid=int(publication["oid"]), operations=f"{publication['operations']}", name=f"{publication['name']}"
        ),
        tables={name: _table_of(table) for name, table in document["tables"].items()},
    )


def drifts(applied: Facts, now: Facts) -> tuple[Drift, ...]:
    """How the database differs from what was applied, of what both know. What differs in more than one way is told once."""
    everything = tuple(applied.tables)
    if server := tuple(_server(applied.server, now.server, everything)):
        return server
    publication = tuple(_publication(applied.publication, now.publication, everything))
    tables = (each for name, table in applied.tables.items() for each in _table(name, table, now.tables.get(name)))
    gone = {drift.where for drift in publication}
    return (*publication, *(drift for drift in tables if not (gone and drift.what.startswith(_MEMBERSHIP))))


def extended(applied: Facts, now: Facts) -> Facts:
    """What was applied, and of the database as it is now what was not known when it was applied: tables and columns that a mapping
    has more, and the slot, which capture makes a little later.
    """
    tables = dict(applied.tables)
    for name, table in now.tables.items():
        known = tables.get(name)
        tables[name] = table if known is None else replace(known, columns={**table.columns, **known.columns})
    return Facts(
        server=replace(
            applied.server,
            slot_name=now.server.slot_name,
            slot=applied.server.slot or now.server.slot,
            log=max(applied.server.log, now.server.log),
        ),
        publication=applied.publication or now.publication,
        tables=tables,
    )


def restricted(facts: Facts, tables: Mapping[str, frozenset[str]]) -> Facts:
    """Only what belongs to these tables and columns: what a mapping has no more stops nobody."""
    return replace(
        facts,
        tables={
            name: replace(table, columns={column: about for column, about in table.columns.items() if column in tables[name]})
            for name, table in facts.tables.items()
            if name in tables
        },
    )


def look(source: CaptureSource, applied: FactsDocument | None, now: Facts) -> Look:
    """Compare what stands in the database with what was applied; None: with nothing, so that all is new."""
    return replace(_compared(source, applied, now), slot=now.server.slot_state)


def _compared(source: CaptureSource, applied: FactsDocument | None, now: Facts) -> Look:
    wanted = {table.name: frozenset(table.columns) for table in source.tables}
    if applied is None:
        return Look(drifts=(), facts=restricted(now, wanted).document(), adds=True)
    before = _under_these_names(restricted(facts_of(applied), wanted), now)
    if found := drifts(before, now):
        return Look(drifts=found, facts=before.document(), adds=False)
    after = extended(before, restricted(now, wanted))
    return Look(
        drifts=(), facts=after.document(), adds=replace(after, server=replace(after.server, log=before.server.log)) != before
    )


def _under_these_names(applied: Facts, now: Facts) -> Facts:
    """A site that names another slot or publication means it: that is no change behind its back, and planning it says what it
    costs.
    """
    server, publication, tables = applied.server, applied.publication, applied.tables
    if server.slot_name != now.server.slot_name:
        server = replace(server, slot=False)
    if publication is not None and now.publication is not None and publication.name != now.publication.name:
        publication = None
        tables = {
            name: replace(table, published=now.tables[name].published) if name in now.tables else table
            for name, table in tables.items()
        }
    return Facts(server=server, publication=publication, tables=tables)


_MEMBERSHIP = "was taken out of the publication"


def _server(applied: ServerFacts, now: ServerFacts, tables: tuple[str, ...]) -> Iterator[Drift]:
    told = None
    if now.system != applied.system:
        told = f"is another one: its system identifier is {now.system}, and capture was applied against {applied.system}"
    elif now.timeline != applied.timeline:
        told = (
            f"is on timeline {now.timeline}, and capture was applied on {applied.timeline}: a standby was promoted or a backup "
            "restored, and changes that only the old one had are lost"
        )
    elif now.log < applied.log:
        told = (
            f"has a log that ends at {now.log}, before the {applied.log} at which it was seen: an earlier copy was put in its place"
        )
    if told is not None:
        yield Drift(where="server", what=told, tables=tables, another_server=True)
    elif applied.slot and not now.slot:
        what = "is gone, or has lost its place: changes that capture had not read are lost"
        yield Drift(where="replication slot", what=what, tables=tables)


def _publication(applied: PublicationFacts | None, now: PublicationFacts | None, tables: tuple[str, ...]) -> Iterator[Drift]:
    if applied is None:
        return
    if now is None:
        yield Drift(where="publication", what="is gone: nothing is captured", tables=tables)
    elif now.oid != applied.oid:
        what = "was dropped and made again: changes in between were not captured"
        yield Drift(where="publication", what=what, tables=tables)
    elif now.operations != applied.operations:
        what = f"publishes other operations ({now.operations}) than when capture was applied ({applied.operations})"
        yield Drift(where="publication", what=what, tables=tables)


def _table(name: str, applied: TableFacts, now: TableFacts | None) -> Iterator[Drift]:
    if now is None:
        yield Drift(where=name, what="is gone", tables=(name,))
        return
    if now.oid != applied.oid:
        what = "is another table under the same name: what was written while they were exchanged is not captured, or not all of it"
        yield Drift(where=name, what=what, tables=(name,))
    elif now.published != applied.published:
        back = "and is not back" if now.published is None else "and put into it again"
        what = f"{_MEMBERSHIP} {back}: changes meanwhile were not captured"
        yield Drift(where=name, what=what, tables=(name,))
    elif now.identity != applied.identity:
        what = f"has another replica identity ({now.identity}, and {applied.identity} when capture was applied)"
        yield Drift(where=name, what=what, tables=(name,))
    for column, about in applied.columns.items():
        yield from _column(name, column, about, now.columns.get(column), same_table=now.oid == applied.oid)


def _column(table: str, name: str, applied: tuple[int, str], now: tuple[int, str] | None, *, same_table: bool) -> Iterator[Drift]:
    where = f"{table}.{name}"
    if now is None:
        yield Drift(where=where, what="is gone", tables=(table,))
    elif now[1] != applied[1]:
        what = f"is {now[1]}, and was {applied[1]} when capture was applied: its values may be read as what they are not"
        yield Drift(where=where, what=what, tables=(table,))
    elif now[0] != applied[0] and same_table:
        yield Drift(where=where, what="is another column under the same name", tables=(table,))


def _table_of(document: Mapping[str, Any]) -> TableFacts:
    published = document["published"]
    return TableFacts(
        oid=int(document["oid"]),
        published=None if published is None else int(published),
        identity=f"{document['identity']}",
        columns={column: (int(number), f"{kind}") for column, (number, kind) in document["columns"].items()},
    )

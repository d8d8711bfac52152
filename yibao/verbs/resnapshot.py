"""`yibao resnapshot`: read rows of a table again from the database, and prove that all came."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from connector.contract import CapturedTable, CaptureSource, TableRole
from connector.profiles import profile_of
from streams.errors import Misconfigured
from streams.mapping import Site, load_site
from streams.wording import count_of, nearest
from yibao.audited import audited, concealed
from yibao.binding import demand_own_topics
from yibao.captures.absent_rows import Compared
from yibao.captures.facts import note_read
from yibao.captures.from_site import chosen_sources
from yibao.captures.owed import demand_taking, is_taken, owed_tables
from yibao.captures.resnapshot import Reading, Wanted, read_again
from yibao.interrupted import leaving
from yibao.options import SITE, ConfigOption, Output, OutputOption, why_option

_NO_CONDITION = (";", "--", "/*")


def resnapshot(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="schema.table, as the mapping names it.")] = None,
    *,
    config: ConfigOption = SITE,
    source: Annotated[
        str | None,
        typer.Option("--source", "-s", metavar="NAME", help="Whose table it is, where several sources have one of its name."),
    ] = None,
    owed: Annotated[
        bool, typer.Option("--owed", help="Every table that is owed (connector status names them), one after the other; waits.")
    ] = False,
    where: Annotated[str, typer.Option("--where", metavar="SQL", help="Only rows that this condition leaves.")] = "",
    key: Annotated[
        list[str] | None,
        typer.Option("--key", metavar="VALUE", help="Only the row with this key; may be repeated. Several columns: with commas."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Until all rows have arrived, counted; without it until Debezium has begun.")
    ] = False,
    why: Annotated[str, why_option("Kept in the audit log, for whoever asks later.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Read rows of a table again from the database, while capture goes on. What differs from what was reported is corrected,
    what is the same is not sent again. With --wait, rows that are gone from the database are told as withdrawn where they were
    reported: of the whole table, or of the keys that are named. Of a condition nobody knows which rows it would have left.

    Needed when changes were not captured: another server, a table that was not published for a while, new columns in the mapping;
    and when the mapping says something else of rows that are known (`where`, `nulls`, a link): connector plan and status name them.
    With --wait, exit code 1 when it is not proved that all rows arrived, or nothing could be compared because place and join do
    not work: run it again.

    \b
    Examples:
      yibao resnapshot --owed                                 after a table or column more, a loss, another server
      yibao resnapshot his.sf_fymx --wait
      yibao resnapshot his.sf_fymx --where "jzsj >= '2026-11-01'" --wait
      yibao resnapshot his.mz_zy_jz --key 4711 --key 4712 --wait -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if owed == (table is not None) or (owed and (where or key)):
        raise Misconfigured("name one table, or say --owed alone: all tables that are owed, whole")
    site = load_site(config)
    asked = _owed(site, source) if owed else [_wanted(site, f"{table}", source=source, where=where.strip(), keys=key or [])]
    demand_own_topics(site)
    for wanted in asked:
        demand_taking(site, wanted.source.name, wanted.table.name)
    readings = [_read(wanted, config=config, keys=len(key or []), wait=wait or owed, why=why, output=output) for wanted in asked]
    if not asked:
        typer.echo("nothing is owed: no table must be read again", err=True)
    if any(reading.ended and not reading.proved for reading in readings):
        raise typer.Exit(1)


def _read(wanted: Wanted, *, config: Path, keys: int, wait: bool, why: str, output: Output) -> Reading:
    """One reading, said and written down."""
    site, name = wanted.site, wanted.table.name
    audited(site, "resnapshot", why=why, facts=_facts(wanted, keys=keys))
    with leaving(_left(config, wanted)):
        reading = read_again(wanted, wait=wait, say=lambda text: typer.echo(text, err=True))
    _show(wanted, reading, output=output)
    if reading.ended and reading.proved and wanted.where is None and is_taken(site, wanted.source.name, name):
        note_read(site, wanted.source.name, name)
    return reading


def _owed(site: Site, source: str | None) -> list[Wanted]:
    """Each table that is owed, whole; lookups first, for what is built anew reads them."""
    tables = [(each, owed_tables(site, each)) for each in chosen_sources(site, source)]
    found = [
        Wanted(site=site, source=each, table=one, where=None) for each, names in tables for one in each.tables if one.name in names
    ]
    return sorted(found, key=lambda wanted: wanted.table.role is not TableRole.LOOKUP)


def _facts(wanted: Wanted, *, keys: int) -> dict[str, object]:
    return {
        "source": wanted.source.name,
        "table": wanted.table.name,
        "keys": keys,
        "condition": concealed(wanted.where or ""),
    }


def _left(config: Path, wanted: Wanted) -> str:
    status = f"yibao connector status -c {shlex.quote(str(config))}"
    return (
        f"an order to read {wanted.table.name} again stands: Debezium goes on with it (`{status}`); to order it again does no harm"
    )


def _wanted(site: Site, table: str, *, source: str | None, where: str, keys: list[str]) -> Wanted:
    found = [(each, one) for each in chosen_sources(site, source) for one in each.tables if one.name == table]
    if not found:
        known = [one.name for each in chosen_sources(site, source) for one in each.tables]
        raise Misconfigured(f"no table `{table}` is captured{nearest(table, known)}; captured are {', '.join(known)}")
    if len(found) > 1:
        names = ", ".join(each.name for each, _ in found)
        raise Misconfigured(f"{table} is captured from several sources ({names}): say which with --source")
    ((of, captured),) = found
    named = frozenset((key,) if len(captured.key) == 1 else tuple(key.split(",")) for key in keys) if keys and not where else None
    return Wanted(site=site, source=of, table=captured, where=_condition(of, captured, where=where, keys=keys), keys=named)


def _condition(source: CaptureSource, table: CapturedTable, *, where: str, keys: list[str]) -> str | None:
    if any(sign in where for sign in _NO_CONDITION):
        raise Misconfigured(f"--where takes one condition, without {' '.join(_NO_CONDITION)}")
    conditions = [where] if where else []
    if keys:
        conditions.append(profile_of(source.kind).condition_of_keys(table, keys))
    return " AND ".join(f"({one})" for one in conditions) if len(conditions) > 1 else next(iter(conditions), None)


def _show(wanted: Wanted, reading: Reading, *, output: Output) -> None:
    tally = reading.tally
    if output is Output.JSON:
        document = {
            "source": wanted.source.name,
            "table": wanted.table.name,
            "where": wanted.where,
            "orders": list(reading.orders),
            "ended": reading.ended,
            **(asdict(tally) | {"proved": reading.proved} if reading.ended else {"counted": tally.counted}),
            "absent": None if reading.compared is None else reading.compared.document,
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    if not reading.ended:
        rows = count_of(tally.counted, "row")
        typer.echo(f"begun (order {reading.orders[-1]}); --wait would say when all have arrived, of {rows}")
        return
    numbers = (
        f"the database had {count_of(tally.counted, 'row')}, Debezium read {tally.scanned}, {tally.arrived} arrived, "
        f"and {tally.changed} changes of the table beside them"
    )
    if tally.proved:
        typer.echo(f"{'done' if reading.proved else 'read'}: {numbers}")
        typer.echo(f"  {_of_absent(wanted, reading.compared)}")
    else:
        why = "; the table was emptied meanwhile" if tally.emptied else ""
        typer.echo(f"not proved: {numbers}{why}. Run it again, in a quieter hour")


def _of_absent(wanted: Wanted, compared: Compared | None) -> str:
    """What is said of rows that are gone."""
    if compared is None:
        return "nothing is said of rows that are gone: only --key or the whole table tells which those are"
    if compared.why_not:
        return f"rows that are gone were not looked for: {compared.why_not}"
    gone = count_of(compared.gone, "row is", "rows are")
    if wanted.table.role is TableRole.LOOKUP:
        return f"{gone} gone; what was reported with them stays, and what comes finds them still"
    return f"{gone} gone, told as withdrawn where they were reported; {compared.moved} moved to another visit"

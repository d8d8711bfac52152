"""`yibao explain`: what became of one visit, settlement or fee line."""

from typing import Annotated

import typer

from streams.errors import Misconfigured
from streams.explain.finding import Asked
from streams.mapping import load_site
from streams.spec.fields import ServiceCode
from yibao import explain_shown
from yibao.audited import audited, concealed
from yibao.binding import demand_own_topics
from yibao.captures.from_site import chosen_sources
from yibao.explaining import explained, hits, keys_of, logs_of, told_of, unplaced_in
from yibao.institutions import demand_institution
from yibao.letters.shown import print_json
from yibao.options import SITE, ConfigOption, Output, OutputOption, why_option


def explain(
    key: Annotated[str, typer.Argument(metavar="NUMBER", help="Of the visit, settlement or fee line.")],
    *,
    config: ConfigOption = SITE,
    service: Annotated[ServiceCode | None, typer.Option("--service", help="Only what is reported as this.")] = None,
    institution: Annotated[str, typer.Option("--institution", metavar="CODE", help="Only of this institution.")] = "",
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Only of this source.")] = "",
    table: Annotated[str, typer.Option("--table", metavar="TABLE", help="Only a settlement's or line's row of this table.")] = "",
    content: Annotated[bool, typer.Option("--content", help="Show its records and rows, too, everything personal masked.")] = False,
    unmask: Annotated[bool, typer.Option("--unmask", help="Show what is personal, too. It is noted who did, and why.")] = False,
    reason: Annotated[str, why_option("Why; needed with --unmask.")] = "",
    deadline: Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Stop reading a topic after so long.")] = 300.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what became of one visit, settlement or fee line: how it stands now, and all that happened to it in the order of time:
    captured, joined, made ready, refused, tried again, accepted. The number is that of the visit, of the row in the hospital's
    table (several key columns joined by /), or of the record. A visit's number goes first: it shows the visit with all its rows;
    where one of its lines has the same number, ask for that by --service. Exit code 1 where there is none, or where the number
    means several things, which are listed then.

    \b
    Examples:
      yibao explain MZ20240501-0001
      yibao explain 880417 --service fee_list_d
      yibao explain 880417 --institution H36110200001 -o json
      yibao explain 880417 --table his.sf_fymx_2026           one that moved stands in two tables
      yibao explain 880417 --unmask --reason "the patient asks what was reported"
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if unmask and not reason.strip():
        raise Misconfigured("--unmask needs --reason: it is noted who saw what is personal, and why")
    if not key.strip():
        raise Misconfigured("which visit, settlement or fee line? Give its number")
    site = load_site(config)
    chosen_sources(site, source or None)
    demand_institution(site, institution)
    if unmask:
        demand_own_topics(site)
        audited(site, "explain --unmask", why=reason, facts={"key": concealed(key)})
    logs, keys = logs_of(site, deadline_s=deadline), keys_of(site, clear=unmask)
    found = hits(logs, keys, key, Asked(service or "", source, institution, table))
    if len(found) > 1:
        (explain_shown.show_hits_json if output is Output.JSON else explain_shown.show_hits)(found, keys)
        raise typer.Exit(1)
    if not found:
        rows, told = unplaced_in(site, logs, keys, key), told_of(site, key, deadline_s=deadline)
        if output is Output.JSON:
            explain_shown.show_unplaced_json(rows, told)
        else:
            explain_shown.show_unplaced(rows, told, site)
        raise typer.Exit(1)
    result = explained(site, logs, found[0], key, clear=unmask)
    if output is Output.JSON:
        print_json(explain_shown.document(result))
    else:
        explain_shown.show(result, site, content=content or unmask, masked=not unmask)

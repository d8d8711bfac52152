"""What would be reported of a visit, for people."""

from typing import Final

import typer

from streams.explain.waits import words_for
from streams.rehearsal.stages import values_of
from streams.spec.masking import mask
from yibao import tables
from yibao.previewing import Preview

_RECORDS: Final = ("service", "key", "institution", "amount", "warnings")
_LETTERS: Final = ("class", "rule", "row", "message")


def show(found: Preview, *, fields: bool) -> None:
    """Rows that were read, records, what is refused, what waits. fields: also every field of every record."""
    outcome = found.outcome
    if not found.rows:
        typer.echo("no table of the mapping has a row with this visit key")
        return
    tables.show(("table", "rows"), [(name, f"{count}") for name, count in found.rows.items()], right=("rows",))
    for name in dict.fromkeys(lookup for lookup, _ in found.absent):
        typer.echo(f"a row of the lookup {name} was asked for, and is not in the database")
    records = [
        (
            one.record.service.value,
            one.record.key,
            one.record.institution,
            one.record.amount or "-",
            "; ".join(f"{warning.rule} {warning.field}: {warning.message}" for warning in one.record.warnings) or "-",
        )
        for one in outcome.ready
    ]
    tables.show(_RECORDS, records, right=("amount",))
    for one in outcome.ready if fields else ():
        typer.echo(f"{one.record.service.value} {one.record.key}")
        tables.show(("field", "value"), [(name, mask(name, value)) for name, value in values_of(one).items()])
    letters = [
        (one.dead_class.value, one.rule, f"{one.row.table} {'/'.join(one.row.key)}", one.message)
        for one in outcome.letters.values()
    ]
    tables.show(_LETTERS, letters)
    waits = [(f"{one.table} {'/'.join(one.key)}", words_for(one.part)) for one in outcome.waiting]
    tables.show(("row", "waits for"), waits)
    typer.echo(f"records: {len(records)}; refused: {len(letters)}; waiting: {len(waits)}")

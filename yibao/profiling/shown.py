"""What a profile found, for people and for programs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import typer

from yibao import tables
from yibao.profiling.profile import Dangling, Found, Otherwise, Rows, Unanswered, Wrong

_WRONG: Final = ("table.column", "field", "rule", "level", "rows", "values", "examples", "what")


def show(found: Mapping[str, Sequence[Found]]) -> None:
    """By source: rows, values that a field does not take, links to nothing, questions that were not answered."""
    for source, those in found.items():
        typer.echo(f"source {source}")
        rows = [(one.table, f"{one.rows}", f"{one.counting}") for one in those if isinstance(one, Rows)]
        tables.show(("table", "rows", "that count"), rows, right=("rows", "that count"))
        wrong = [
            (
                f"{one.table}.{one.column}",
                f"{one.service} {one.field}",
                one.rule,
                one.level,
                f"{one.rows}",
                f"{one.values}",
                ", ".join(one.examples) or "-",
                one.message,
            )
            for one in sorted((one for one in those if isinstance(one, Wrong)), key=lambda one: -one.rows)
        ]
        tables.show(_WRONG, wrong, right=("rows", "values"))
        links = [(one.table, ", ".join(one.columns), one.names, f"{one.rows}") for one in those if isinstance(one, Dangling)]
        tables.show(("table", "by", "names no", "rows"), links, right=("rows",))
        amounts = [
            (one.table, ", ".join(one.columns), one.rule, one.level, f"{one.rows}") for one in those if isinstance(one, Otherwise)
        ]
        tables.show(("table", "amount, and of what", "breaks", "level", "rows"), amounts, right=("rows",))
        open_ = [(one.table, one.about, one.why) for one in those if isinstance(one, Unanswered)]
        tables.show(("table", "about", "not judged"), open_)
    told = [one for those in found.values() for one in those]
    refused = sum(one.rows for one in told if isinstance(one, Wrong | Otherwise) and one.level == "refuse")
    dangling = sum(one.rows for one in told if isinstance(one, Dangling))
    blind = sum(1 for one in told if isinstance(one, Unanswered) and one.blind)
    typer.echo(f"what refuses its record: {refused}; links to nothing: {dangling}; questions without an answer: {blind}")


def document(found: Mapping[str, Sequence[Found]]) -> dict[str, Any]:
    """By source and kind."""
    kinds = {"rows": Rows, "values": Wrong, "links": Dangling, "amounts": Otherwise, "not_judged": Unanswered}
    return {
        "ok": not any(stands_against(one) for those in found.values() for one in those),
        "sources": {
            source: {name: [one._asdict() for one in those if isinstance(one, kind)] for name, kind in kinds.items()}
            for source, those in found.items()
        },
    }


def stands_against(one: Found) -> bool:
    """Whether a record would be refused for it, or wait; or nobody knows."""
    if isinstance(one, Unanswered):
        return one.blind
    return isinstance(one, Dangling) or (isinstance(one, Wrong | Otherwise) and one.level == "refuse")

"""What a mapping must get right about fee tables whose lines come again under new ids."""

from collections.abc import Iterator

from streams.mapping.mapping_file import MappingFile
from streams.mapping.prefix_checks import may_meet
from streams.mapping.reading import Document
from streams.mapping.record_checks import is_key
from streams.mapping.sources import Source
from streams.mapping.tables import Table

_NUMBER = "BKKP_SN"
_CONVERSIONS = ("compact", "pad_zeros", "default", "nulls", "time", "money", "read_as", "round")


def check_renumbered(document: Document, written: MappingFile) -> None:
    """Note every `renumbered` whose lines could not be found again, or whose number would stand where another one is meant."""
    of_all = {} if written.records.fee_list_d is None else written.records.fee_list_d.fields
    for index, table in enumerate(written.tables):
        if table.renumbered is not None:
            for what in _wrong(table, table.fields.get(_NUMBER) or of_all.get(_NUMBER)):
                document.report(("tables", index, "renumbered"), what)
            others = [one.table for one in written.tables if one.role is table.role and one is not table and _may_meet(one, table)]
            if others:
                document.report(
                    ("tables", index, "renumbered"),
                    f"needs numbers that no line of {', '.join(others)} has: which one a line took over stands in no table; write"
                    " `record_prefix` for each, none the beginning of another one",
                )


def _may_meet(one: Table, other: Table) -> bool:
    """Whether numbers of two tables may be the same."""
    return one.record_prefix is None or other.record_prefix is None or may_meet(one.record_prefix, other.record_prefix)


def _wrong(table: Table, number: Source | None) -> Iterator[str]:
    same, key = table.renumbered.same if table.renumbered is not None else (), table.key[0]
    if len(table.key) > 1:
        yield f"needs a key of one column: the number that a line takes over stands in it (here {', '.join(table.key)})"
    elif number is not None and (not is_key(number, table) or any(getattr(number, one) for one in _CONVERSIONS)):
        yield f"needs `{_NUMBER}: {key}`, the key as it stands: a line is reported under the number of another one"
    if twice := [name for name in dict.fromkeys(same) if same.count(name) > 1]:
        yield f"names `{twice[0]}` twice in `same`"
    if set(table.key) & set(same):
        yield f"names the key `{key}` in `same`: that is what is another one in the line that comes again"
    if table.moves is not None:
        yield "and `moves` exclude each other: in another table nothing says which number a line took over"
    if key in _linking(table):
        yield f"needs another link than `{key}`: in `settlement` the line's own key would be looked for, which it took over"


def _linking(table: Table) -> tuple[str, ...]:
    """The own columns by which a line finds its settlement, among what the join knows of it."""
    link = table.settlement
    if link is None:
        return ()
    lines = () if link.lines is None else (link.lines.line or table.key[0],)
    return (*((link.column,) if link.column is not None else ()), *link.match, *lines)

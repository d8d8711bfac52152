"""What a mapping must get right about tables between which rows move."""

from collections.abc import Sequence
from typing import Final

from streams.mapping.mapping_file import Deletions, MappingFile
from streams.mapping.reading import Document
from streams.mapping.tables import Table
from streams.wording import nearest

_ALIKE: Final = ("prefix", "record_prefix", "fields")
"""Settings that say which record a row is."""


def check_moves(document: Document, written: MappingFile) -> None:
    """Note every `moves` that leads nowhere: rows would be awaited where none comes, and deletions told a day late."""
    moving = [table for table in written.tables if table.moves is not None]
    for index, table in enumerate(written.tables):
        if table.moves is not None:
            _fellows(document, index, table, [one for one in moving if one is not table])
    if not moving and written.deletions.moved_within != Deletions().moved_within:
        document.report(("deletions", "moved_within"), "means nothing: no table has `moves`")


def _fellows(document: Document, index: int, table: Table, others: Sequence[Table]) -> None:
    place, fellows = ("tables", index, "moves"), [one for one in others if one.moves == table.moves]
    if not fellows:
        known = nearest(table.moves or "", [one.moves or "" for one in others])
        document.report(place, f"`{table.moves}` stands at no other table{known}; write it at each between which the rows move")
    for one in fellows:
        if one.role is not table.role:
            document.report(
                place,
                f"rows of `{one.table}` are no {table.role.value} rows, and cannot move here: tables with the same `moves` have one"
                " `role`",
            )
        for setting in _ALIKE:
            if getattr(one, setting) != getattr(table, setting):
                document.report(
                    place,
                    f"`{setting}` differs from that of `{one.table}`: a row that moved would be another record; write the same",
                )

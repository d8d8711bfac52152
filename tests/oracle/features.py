"""What a course may do. Whoever makes the stages keep one of these turns its switch on, in `KEPT`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Switches of the generator and of the oracle."""

    keys_change: bool = False
    """A line's key is changed: a delete and a create at one place, and another record. The old one is told as withdrawn."""
    rows_move: bool = False
    """A line is moved to the other visit by an update, and perhaps back."""
    deletes_while_blind: bool = False
    """Rows are deleted while nobody reads the log; the full read afterwards does not have them, and is compared."""
    lookups_change: bool = False
    """Records follow a lookup row that changes, without being read again. Not promised: docs/exactness.md."""
    servers_clocks_differ: bool = False
    """Another server's clock is behind that of the one before, and it counts its transactions anew."""
    several_candidates: bool = False
    """A visit has several registrations, and several bills for lines that name none; rows go on which others depend."""
    rows_collide: bool = False
    """Rows of several tables, or of one, are one record, and do not say the same; rows move between these tables."""
    keys_exchange: bool = False
    """One statement exchanges the keys of rows of a table, or shifts them: of visits, settlements, lines and lookup rows."""
    rows_uncount: bool = False
    """Rows have a `state`, and the mapping's `where` says that only those of one state count."""
    lines_match: bool = False
    """Lines find their settlement by a column that both have, which the mapping does not know as its key."""
    tables_move: bool = False
    """The mapping says of the tables whose rows are the same records that rows move between them (`moves`)."""
    read_anew: bool = True
    """Tables are read on demand, capture goes blind, servers change: what is read may be ahead of the log."""
    withdrawn_at_the_end: bool = False
    """A row that is deleted and inserted again in one transaction is not told as withdrawn."""


KEPT = Features(
    keys_change=True,
    rows_move=True,
    deletes_while_blind=True,
    servers_clocks_differ=True,
    several_candidates=True,
    rows_collide=True,
    keys_exchange=True,
    withdrawn_at_the_end=True,
)
"""What the join keeps today."""

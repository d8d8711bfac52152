"""By night many hospital systems move the fee lines of visits that are over into a table of their own.

What was reported of them stands: nothing is withdrawn, and nothing is sent again. Most do so by one transaction. Where the night is
in parts, some lines are deleted by one and inserted by a later one (they stand meanwhile in a table that nobody captures), and
others are copied by one and deleted by a later one; the mapping then says by `moves` that rows move between these tables.
"""

import zlib
from typing import Final

import psycopg
from psycopg import sql

from sandbox.hospital.database import PUBLICATION, ROLE
from sandbox.hospital.tables import FEES

PAST: Final = "his.sf_fymx_past"
WAY: Final = "his.sf_fymx_way"
"""Where lines stand that are on their way; not captured."""
_ONE_IN: Final = 3
_MOVES: Final = "past_lines"
_LIKE_FEES: Final = "role: fee, key: [mxid], visit_key: jzlsh, settlement: jsdh"

_PAST, _WAY, _FEES = (sql.Identifier(*name.split(".")) for name in (PAST, WAY, FEES.name))
_FROM_TO: Final = "WITH moved AS (DELETE FROM {} WHERE {} RETURNING *) INSERT INTO {} SELECT * FROM moved"
_MOVE: Final = sql.SQL(_FROM_TO).format(_FEES, sql.SQL("jzlsh = %s"), _PAST)
_DELETE: Final = sql.SQL(_FROM_TO).format(_FEES, sql.SQL("jzlsh = %s"), _WAY)
_INSERT: Final = sql.SQL(_FROM_TO).format(_WAY, sql.SQL("true"), _PAST)
_COPY: Final = sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE jzlsh = %s ON CONFLICT DO NOTHING").format(_PAST, _FEES)
_DELETE_COPIED: Final = sql.SQL("DELETE FROM {} f USING {} p WHERE p.mxid = f.mxid").format(_FEES, _PAST)
_LINES: Final = "SELECT count(*) FROM (SELECT mxid FROM {} UNION SELECT mxid FROM {} UNION SELECT mxid FROM {}) all_of_them"
_COUNT: Final = sql.SQL(_LINES).format(_FEES, _PAST, _WAY)


def create_past(link: psycopg.Connection) -> None:
    """The table of the lines of visits that are over; captured as the other one is."""
    link.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(_PAST, _FEES))
    link.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(_PAST))
    link.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(_PAST, sql.Identifier(ROLE)))
    link.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(_WAY, _FEES))
    link.execute(sql.SQL("ALTER PUBLICATION {} ADD TABLE {}").format(sql.Identifier(PUBLICATION), _PAST))


def mapped_past(mapping: str, *, in_parts: bool) -> str:
    """The sample's mapping file with the table in it. in_parts: whether rows may be on their way for a while, and it says so. (For
    less than by how much the clocks of the workers are shifted in the end, so that what was deleted is told then.)
    """
    if not in_parts:
        return mapping.replace("tables:\n", f"tables:\n  - {{table: {PAST}, {_LIKE_FEES}}}\n", 1)
    day = f"  - table: {FEES.name} "
    assert day in mapping
    mapping = mapping.replace(day, f"  - moves: {_MOVES}\n    table: {FEES.name} ", 1)
    past = f"  - {{table: {PAST}, {_LIKE_FEES}, moves: {_MOVES}}}\n"
    return mapping.replace("tables:\n", f"deletions: {{moved_within: 10m}}\ntables:\n{past}", 1)


def move(link: psycopg.Connection, visit_key: str, *, in_parts: bool) -> None:
    """Move the lines of a visit of which nothing more comes, or leave them: the same for the same visit. May be done again. Where
    the night is in parts, what it began for other visits is brought to its end, each statement by a transaction of its own.
    """
    if in_parts:
        end(link)
    way = zlib.crc32(visit_key.encode()) % _ONE_IN
    if way == 0:
        link.execute(_MOVE, (visit_key,))
    elif in_parts:
        link.execute(_DELETE if way == 1 else _COPY, (visit_key,))


def end(link: psycopg.Connection) -> None:
    """Bring what is on its way to where it goes."""
    link.execute(_INSERT)
    link.execute(_DELETE_COPIED)


def lines(link: psycopg.Connection) -> int:
    """How many lines there are, wherever they stand."""
    found = link.execute(_COUNT).fetchone()
    assert found is not None
    return int(found[0])

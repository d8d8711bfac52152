"""By night many hospital systems move the fee lines of visits that are over into a table of their own.

What was reported of them stands: nothing is withdrawn, and nothing is sent again.
"""

import zlib
from typing import Final

import psycopg
from psycopg import sql

from sandbox.hospital.database import PUBLICATION, ROLE
from sandbox.hospital.tables import FEES

PAST: Final = "his.sf_fymx_past"
_ONE_IN: Final = 3
_LIKE_FEES: Final = "role: fee, key: [mxid], visit_key: jzlsh, settlement: jsdh"

_PAST, _FEES = (sql.Identifier(*name.split(".")) for name in (PAST, FEES.name))
_MOVE: Final = sql.SQL("WITH moved AS (DELETE FROM {} WHERE jzlsh = %s RETURNING *) INSERT INTO {} SELECT * FROM moved").format(
    _FEES, _PAST
)


def create_past(link: psycopg.Connection) -> None:
    """The table of the lines of visits that are over; captured as the other one is."""
    link.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(_PAST, _FEES))
    link.execute(sql.SQL("ALTER TABLE {} REPLICA IDENTITY FULL").format(_PAST))
    link.execute(sql.SQL("GRANT SELECT ON {} TO {}").format(_PAST, sql.Identifier(ROLE)))
    link.execute(sql.SQL("ALTER PUBLICATION {} ADD TABLE {}").format(sql.Identifier(PUBLICATION), _PAST))


def mapped_past(mapping: str) -> str:
    """The sample's mapping file with the table in it."""
    return mapping.replace("tables:\n", f"tables:\n  - {{table: {PAST}, {_LIKE_FEES}}}\n", 1)


def move(link: psycopg.Connection, visit_key: str) -> None:
    """Move the lines of a visit of which nothing more comes, or leave them: the same for the same visit. May be done again."""
    if zlib.crc32(visit_key.encode()) % _ONE_IN == 0:
        link.execute(_MOVE, (visit_key,))

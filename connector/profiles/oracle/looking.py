"""What a person asks an Oracle, since this product does not: statements that change nothing. Never run on a server."""

from typing import Final

from connector.contract import CaptureSource
from connector.preparation import Step
from connector.profiles.oracle.names import literal, split_table

_QUERIES: Final = (
    "SELECT VERSION_FULL FROM PRODUCT_COMPONENT_VERSION;",
    "SELECT LOG_MODE, SUPPLEMENTAL_LOG_DATA_MIN, FORCE_LOGGING, DATABASE_ROLE FROM V$DATABASE;",
    "SELECT PARAMETER, VALUE FROM NLS_DATABASE_PARAMETERS WHERE PARAMETER IN ('NLS_CHARACTERSET', 'NLS_NCHAR_CHARACTERSET');",
    "SELECT DBTIMEZONE, SYSTIMESTAMP FROM DUAL;",
    "SELECT MIN(FIRST_TIME) AS oldest_archived FROM V$ARCHIVED_LOG WHERE DELETED = 'NO' AND STANDBY_DEST = 'NO';",
    "SELECT OWNER, TABLE_NAME, LOG_GROUP_TYPE FROM ALL_LOG_GROUPS WHERE (OWNER, TABLE_NAME) IN ({tables});",
    "SELECT OWNER, TABLE_NAME, LOGGING, PARTITIONED, TEMPORARY, IOT_TYPE FROM ALL_TABLES WHERE (OWNER, TABLE_NAME) IN ({tables});",
    """SELECT OWNER, TABLE_NAME, COLUMN_NAME, DATA_TYPE, DATA_LENGTH, DATA_PRECISION, DATA_SCALE, NULLABLE, VIRTUAL_COLUMN
  FROM ALL_TAB_COLS WHERE (OWNER, TABLE_NAME) IN ({tables}) ORDER BY 1, 2, COLUMN_ID;""",
    """SELECT c.OWNER, c.TABLE_NAME, c.CONSTRAINT_TYPE, k.COLUMN_NAME FROM ALL_CONSTRAINTS c JOIN ALL_CONS_COLUMNS k
  ON k.OWNER = c.OWNER AND k.CONSTRAINT_NAME = c.CONSTRAINT_NAME
  WHERE c.CONSTRAINT_TYPE IN ('P', 'U') AND (c.OWNER, c.TABLE_NAME) IN ({tables}) ORDER BY 1, 2, 3, k.POSITION;""",
)


def looked_at(source: CaptureSource) -> Step:
    """The last step of the preparation."""
    pairs = [split_table(table.name) for table in source.tables]
    tables = ", ".join(f"({literal(schema)}, {literal(name)})" for schema, name in pairs)
    return Step(
        title="To look at, now and after each change of the vendor's",
        why="nobody but a person does. In this order:\n"
        "19 or newer; ARCHIVELOG, YES, YES (else what is written with NOLOGGING is not captured), PRIMARY; AL32UTF8 or\n"
        "ZHS16GBK, and never US7ASCII that holds other bytes; the zone and the clock; how far the archived logs go back; each\n"
        "table with ALL COLUMN LOGGING; LOGGING = YES, not temporary; types that are carried (docs/databases/oracle.md), names of\n"
        "30 bytes at most; a primary key that is the mapping's key.",
        statements=tuple(query.replace("{tables}", tables) for query in _QUERIES),
    )

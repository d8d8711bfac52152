"""Count rows by what stands in their columns, and rows that name others which are not there, as the capturing account."""

from typing import Final

import pymysql

from connector.contract import CaptureSource
from connector.profiles.mariadb.login import Row, Session, logged_in
from connector.profiles.mariadb.names import literal, quoted, quoted_table
from connector.profiles.mariadb.rows import as_captured
from connector.questions import Counted, Groups, Links, Products, Sums

_TOO_LONG: Final = frozenset({1969, 3024})
"""Numbers of the errors that say the server ended a statement because it took too long."""


def count_groups(source: CaptureSource, asked: Groups, *, longest_s: int, password: str) -> Counted | None:
    """What stands in the columns, in the words in which capture sends it. None where that takes longer. Raises Unreachable,
    Misconfigured, Refused.
    """
    with logged_in(source, password=password, longest_s=longest_s) as session:
        read = as_captured(session, asked.table, asked.columns)
        named = "".join(f", {one}" for one in read)
        groups = f" GROUP BY {', '.join(map(quoted, asked.columns))} ORDER BY count(*) DESC LIMIT {asked.most}" if named else ""
        rows = _rows(session, f"SELECT count(*){named} FROM {quoted_table(asked.table)}{groups}")  # noqa: S608 - quoted names
    return None if rows is None else [(tuple(values), int(count)) for count, *values in rows]


def count_dangling(source: CaptureSource, asked: Links, *, longest_s: int, password: str) -> int | None:
    """How many rows name one that is not there. Rows that name nothing do not count. None where that takes longer. Raises as
    `count_groups`.
    """
    named = [f"TRIM(CAST(a.{quoted(column)} AS CHAR)) <> ''" for column in asked.columns]
    if asked.nulls:
        named += [f"TRIM(CAST(a.{quoted(one)} AS CHAR)) NOT IN ({', '.join(map(literal, asked.nulls))})" for one in asked.columns]
    if asked.among is not None:
        column, values = asked.among
        named.append(f"TRIM(CAST(a.{quoted(column)} AS CHAR)) IN ({', '.join(map(literal, values))})")
    absent = [
        f"NOT EXISTS (SELECT 1 FROM {quoted_table(other)} b WHERE "  # noqa: S608 - quoted names
        + " AND ".join(f"b.{quoted(key)} = a.{quoted(column)}" for column, key in zip(asked.columns, keys, strict=True))
        + ")"
        for other, keys in asked.others
    ]
    with logged_in(source, password=password, longest_s=longest_s) as session:
        query = f"SELECT count(*) FROM {quoted_table(asked.table)} a WHERE {' AND '.join([*named, *absent])}"  # noqa: S608 - quoted
        rows = _rows(session, query)
    return None if rows is None else int(rows[0][0])


def _rows(session: Session, query: str) -> list[Row] | None:
    try:
        return session.rows(query)
    except pymysql.Error as exc:
        if not exc.args or exc.args[0] not in _TOO_LONG:
            raise
        return None


def count_otherwise(source: CaptureSource, asked: Products | Sums, *, longest_s: int, password: str) -> int | None:
    """How many rows have another amount. None where that takes longer. A text that is no number counts as 0. Raises as
    `count_groups`.
    """
    with logged_in(source, password=password, longest_s=longest_s) as session:
        rows = _rows(session, _products(asked) if isinstance(asked, Products) else _sums(asked))
    return None if rows is None else int(rows[0][0])


def _products(asked: Products) -> str:
    one, other, product = (f"CAST(a.{quoted(column)} AS DECIMAL(38, 10))" for column in (*asked.factors, asked.product))
    return f"SELECT count(*) FROM {quoted_table(asked.table)} a WHERE abs({one} * {other} - {product}) > {asked.tolerance}"  # noqa: S608 - quoted


def _sums(asked: Sums) -> str:
    made = f"sum(CAST(p.{quoted(asked.amount)} AS DECIMAL(38, 10)))"
    return (
        f"SELECT count(*) FROM {quoted_table(asked.table)} s JOIN (SELECT p.{quoted(asked.link)} AS named, {made} AS made"  # noqa: S608 - quoted
        f" FROM {quoted_table(asked.parts)} p GROUP BY 1) f ON f.named = s.{quoted(asked.key)}"
        f" WHERE abs(CAST(s.{quoted(asked.total)} AS DECIMAL(38, 10)) - f.made) > {asked.tolerance}"
    )

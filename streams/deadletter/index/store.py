"""Where the index of the dead letters stands, and of what shape it is."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

from streams.deadletter.index.filling import Filling
from streams.deadletter.index.schema import FORM, INDEXES, TABLES
from streams.deadletter.index.writing import Writing
from streams.errors import Misconfigured
from streams.indexes.shape import Shape
from streams.indexes.store import Store


def _objection(index: sqlite3.Connection) -> str:
    counted = index.execute("SELECT total(open + closed) = (SELECT count(*) FROM letters) FROM groups").fetchone()[0]
    return "" if counted else "its counts are not those of its letters"


SHAPE: Final = Shape(form=FORM, tables=TABLES, indexes=INDEXES, writing=Writing, filling=Filling, objection=_objection)


def letters_in(folder: Path, topic: str) -> Store:
    """The index of a topic of dead letters. folder: for those of all sites of this machine. Raises Misconfigured where this Python
    cannot keep one.
    """
    if not _has_full_text():
        raise Misconfigured(
            f"the SQLite of this Python ({sqlite3.sqlite_version}) cannot search texts, by which dead letters are found: it needs "
            "SQLite 3.34 or later with FTS5. Run yibao with a Python that has it, as those of python.org and Debian do; one "
            "that was built by hand needs a SQLite built with SQLITE_ENABLE_FTS5. Nothing is lost: the index is made of the topic"
        )
    return Store(folder, topic, SHAPE)


@cache
def _has_full_text() -> bool:
    with closing(sqlite3.connect(":memory:")) as probe:
        return searches_texts(probe)


def searches_texts(index: sqlite3.Connection) -> bool:
    """Whether this SQLite has what `INDEXES` needs of it. It makes a table of its own for that."""
    try:
        index.execute("CREATE VIRTUAL TABLE temp.tried USING fts5(plain, tokenize='trigram')")
        index.execute("DROP TABLE temp.tried")
    except sqlite3.DatabaseError:
        return False
    return True

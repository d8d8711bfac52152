"""Where the index of the dead letters stands, and of what shape it is."""

import sqlite3
from pathlib import Path
from typing import Final

from streams.deadletter.index.filling import Filling
from streams.deadletter.index.schema import FORM, INDEXES, TABLES
from streams.deadletter.index.writing import Writing
from streams.indexes.shape import Shape
from streams.indexes.store import Store


def _objection(index: sqlite3.Connection) -> str:
    counted = index.execute("SELECT total(open + closed) = (SELECT count(*) FROM letters) FROM groups").fetchone()[0]
    return "" if counted else "its counts are not those of its letters"


SHAPE: Final = Shape(form=FORM, tables=TABLES, indexes=INDEXES, writing=Writing, filling=Filling, objection=_objection)


def letters_in(folder: Path, topic: str) -> Store:
    """The index of a topic of dead letters. folder: for those of all sites of this machine."""
    return Store(folder, topic, SHAPE)

"""A SQLite that cannot search texts is told before a topic of a million letters is read for nothing."""

import sqlite3
from contextlib import closing

from streams.deadletter.index.store import searches_texts


def without(module):
    """A database in memory, as of a SQLite that was built without a module."""
    index = sqlite3.connect(":memory:")

    def allowed(action, _table, name, *_):
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_CREATE_VTABLE and name == module else sqlite3.SQLITE_OK

    index.set_authorizer(allowed)
    return closing(index)


def test_a_sqlite_without_fts5_is_known_as_one():
    """It failed with `no such module` once all letters were read, and the index was called damaged."""
    with without("fts5") as index:
        assert not searches_texts(index)


def test_one_that_has_it_is_used_and_keeps_nothing_of_the_trial():
    """Else nobody could ask."""
    with without("rtree") as index:
        assert searches_texts(index)
        assert [] == index.execute("SELECT name FROM temp.sqlite_master").fetchall()

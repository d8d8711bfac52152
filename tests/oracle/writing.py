"""One write of a transaction: an insert, an update, a delete, both on one key, a key or a visit that changes."""

from collections.abc import Iterator

from tests.oracle.database import (
    CHARGE,
    KEY_OF,
    MANY,
    MOVES_TO,
    PATIENT,
    SETTLE,
    SPARE,
    TWICE,
    VISIT,
    Database,
    Row,
    Transaction,
    Where,
    content,
)
from tests.oracle.features import Features


def write(
    database: Database, transaction: Transaction, where: Where, *, features: Features, deletes: bool, lookups: bool, by_night: bool
) -> None:
    """Write this row, in whatever way it can be written now. deletes: whether rows may go. lookups: whether lookup rows change.
    by_night: whether rows move to the table beside.
    """
    row = database.seen(transaction, where)
    if database.is_locked(transaction, where) or (where[0] == PATIENT and row is not None and not lookups):
        return
    chance = database.rng.random()
    deletes = deletes and not database.is_unsure(where)
    if row is None:
        _put(database, transaction, "c", where)
    elif features.keys_exchange and database.rng.random() < 0.07:
        exchange(database, transaction, where, shifts=features.keys_change)
    elif by_night and deletes and chance < 0.2 and where[0] in MOVES_TO:
        _move(database, transaction, where, row)
    elif chance < 0.6 or not deletes:
        _put(database, transaction, "u", where, visit=row["visit_id"] if where[0] == CHARGE else None)
    elif where[0] == CHARGE and chance < 0.7 and (features.keys_change or features.rows_move):
        _change_key(database, transaction, where, row, features=features)
    elif _may_go(database, where):
        database.write(transaction, "d", where, row)
        if chance > 0.85:
            _put(database, transaction, "c", where, visit=row["visit_id"] if where[0] == CHARGE else None)


def _put(database: Database, transaction: Transaction, op: str, where: Where, *, visit: str | None = None) -> None:
    row = content(database.rng, where, visit=visit)
    if any(database.is_going(parent) for parent in _parents(where, row)):
        return
    database.write(transaction, op, where, row, beside=op == "c" and bool(transaction.changes) and database.rng.random() < 0.1)


def _parents(where: Where, row: Row) -> Iterator[Where]:
    if where[0] in (SETTLE, CHARGE):
        yield VISIT, row["visit_id"]
    if where[0] == CHARGE and row["settle_no"] is not None:
        yield SETTLE, row["settle_no"]


def _may_go(database: Database, where: Where) -> bool:
    """As foreign keys would have it, which not every system has."""
    return where in MANY or where in TWICE or (where[0] != PATIENT and not database.children(where))


def _move(database: Database, transaction: Transaction, where: Where, row: Row) -> None:
    """To the table beside it, as by night: inserted there first or deleted here first, perhaps with another content."""
    other = (MOVES_TO[where[0]], where[1])
    if database.is_locked(transaction, other):
        return
    there = database.seen(transaction, other)
    new = content(database.rng, other)
    if database.rng.random() < 0.7:
        new |= {name: value for name, value in row.items() if name in new and name != KEY_OF[where[0]]}
    acts = [("c" if there is None else "u", other, new), ("d", where, row)]
    for op, which, what in acts if database.rng.random() < 0.5 else acts[::-1]:
        database.write(transaction, op, which, what)


def _change_key(database: Database, transaction: Transaction, where: Where, row: Row, *, features: Features) -> None:
    """Of a key, a delete and a create at one place; of a visit, an update."""
    key = where[1]
    if features.keys_change and key in SPARE:
        other = (CHARGE, SPARE[key])
        if database.seen(transaction, other) is None and not database.is_locked(transaction, other):
            database.write(transaction, "d", where, row)
            database.write(transaction, "c", other, row | {"charge_id": SPARE[key]}, beside=True)
    elif features.rows_move:
        visit = "V2" if row["visit_id"] == "V1" else "V1"
        moved = content(database.rng, where, visit=visit)
        if not any(database.is_going(parent) for parent in _parents(where, moved)):
            database.write(transaction, "u", where, moved, before=row)


def exchange(database: Database, transaction: Transaction, where: Where, *, shifts: bool) -> None:
    """One statement that gives rows of a table the keys of each other, as a deferrable key lets it: of each a delete and a create.
    shifts: whether the last of them may get a key that is free.
    """
    table, name = where[0], KEY_OF[where[0]]
    known = {one for one in (*database.rows, *transaction.rows) if one[0] == table}
    rows = {one: row for one in sorted(known) if (row := database.seen(transaction, one)) is not None}
    of = {one: row for one, row in rows.items() if table != SETTLE or row["visit_id"] == rows[where]["visit_id"]}
    those = [one for one in of if not database.is_locked(transaction, one) and not database.is_unsure(one)]
    if len(those) < 2 or where not in those:
        return
    database.rng.shuffle(those)
    those = those[: database.rng.randint(2, 4)]
    spare = (table, database.rng.choice([*SPARE.values()]))
    shift = shifts and table == CHARGE and spare not in rows and not database.is_locked(transaction, spare)
    to = [*those[1:], spare if shift and database.rng.random() < 0.5 else those[0]]
    pairs = [*zip(those, to, strict=True)]
    database.rng.shuffle(pairs)
    for former, new in pairs:
        database.write(transaction, "d", former, rows[former])
        database.write(transaction, "c", new, rows[former] | {name: new[1]}, beside=True)
    transaction.rows |= dict.fromkeys(those) | {new: rows[former] | {name: new[1]} for former, new in pairs}

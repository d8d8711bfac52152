"""Which rows stand under a key, by what was told of it: several while a statement exchanges keys."""

from tests.oracle.database import Row


class Standing:
    """By key, its rows; the one that came last counts. What lies beneath it is of the transaction that goes on."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self._transaction: dict[tuple[str, str], object] = {}

    def take(self, where: tuple[str, str], envelope: Row, server: str) -> None:
        """A change of the row under a key. server: whose transaction it is of."""
        op, row, transaction = envelope["op"], envelope["after"] or envelope["before"], (server, envelope["source"].get("txId"))
        rows = self._rows.get(where, [])
        if transaction != self._transaction.get(where) and op != "r":
            rows = rows[-1:]
            self._transaction[where] = transaction
        if op == "c":
            rows = [*rows, row]
        elif op != "d":
            rows = [*rows[:-1], row]
        elif rows:
            gone = next((number for number, one in enumerate(rows) if one == row), 0)
            rows = [*rows[:gone], *rows[gone + 1 :]]
        self._rows[where] = rows

    @property
    def rows(self) -> dict[tuple[str, str], Row]:
        """The row under each key."""
        return {where: rows[-1] for where, rows in self._rows.items() if rows}

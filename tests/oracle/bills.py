"""A hospital whose lines know only their bill, and the log of what is done to its rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson

Row = dict[str, Any]
Where = tuple[str, str]

BEGIN_MS: Final = 1_700_000_000_000
WAIT_MS: Final = 50_000
SOURCE: Final = "his"
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "h.pay": ("reg",),  # knows its visit, and nothing hangs under it
    "h.adm": ("org", "no"),  # a visit named by two numbers, and a header
    "h.bill": ("adm", "reg", "dept"),
    "h.old_bill": ("adm", "reg", "dept"),  # the same bills, of last year
    "h.slip": ("slip", "adm", "dept"),  # a header of several rows
    "h.line": ("bill",),
    "h.item": ("slip", "reg"),
    "h.own": ("adm",),
}
COUNT: Final = {"h.pay": 3, "h.adm": 3, "h.bill": 4, "h.old_bill": 4, "h.slip": 4, "h.line": 8, "h.item": 5, "h.own": 3}
HEADERS: Final = frozenset({"h.bill", "h.old_bill", "h.slip"})
UNDER: Final[Mapping[str, tuple[tuple[str, ...], str, str]]] = {
    "h.bill": (("h.adm",), "adm", "id"),
    "h.old_bill": (("h.adm",), "adm", "id"),
    "h.slip": (("h.adm",), "adm", "id"),
    "h.line": (("h.bill", "h.old_bill"), "bill", "id"),
    "h.item": (("h.slip",), "slip", "slip"),
    "h.own": (("h.adm",), "adm", "id"),
}
CARRIED: Final = {"h.line": ("dept",), "h.item": ("dept",)}


@dataclass(slots=True)
class Hospital:
    """Its rows, and the log of what was done to them."""

    rng: Random
    rows: dict[Where, Row] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)
    lsn: int = 100
    transaction: int = 700

    def act(self) -> None:
        """Do something to some row, in a transaction of its own or that of before."""
        self.transaction += self.rng.random() < 0.7
        if self.rng.random() < 0.08:
            self._exchange(self.rng.choice(sorted({*UNDER, *HEADERS, "h.adm"})))
            return
        if self.rng.random() < 0.08:
            self._archive(f"{self.rng.randrange(4)}")
            return
        if self.rng.random() < 0.02:
            self._empty(self.rng.choice(sorted(HEADERS)))
            return
        table = self.rng.choices(list(COUNT), weights=[2, 3, 4, 1, 4, 8, 5, 2])[0]
        key = f"{self.rng.randrange(COUNT[table])}"
        row = self.rows.get((table, key))
        if row is not None and self.rng.random() < 0.2:
            self._drop(table, key)
            if self.rng.random() < 0.3:  # edited by a delete and an insert
                self._put(table, key, {name: row[name] for name in COLUMNS[table]})
        elif row is not None and self.rng.random() < 0.4:
            self._put(table, key, {name: row[name] for name in COLUMNS[table]})
        else:
            self._put(table, key, {name: self._value(name) for name in COLUMNS[table]})

    def read(self, clock: int) -> bytes | None:
        """Some row, as a snapshot reads it."""
        if not self.rows:
            return None
        (table, _), row = self.rng.choice(list(self.rows.items()))
        return orjson.dumps(
            {"op": "r", "before": None, "after": row, "source": self._source(table) | {"lsn": None, "ts_ms": clock}}
        )

    def _archive(self, key: str) -> None:
        """Move a bill between the table of this year and that of the last, in one transaction, either order."""
        for one, other in (("h.bill", "h.old_bill"), ("h.old_bill", "h.bill")):
            if (row := self.rows.get((one, key))) is None or (other, key) in self.rows:
                continue
            columns = {name: row[name] for name in COLUMNS[one]}
            first_out = self.rng.random() < 0.5
            if first_out:
                self._drop(one, key)
            self._put(other, key, columns)
            if not first_out:
                self._drop(one, key)
            return

    def _exchange(self, table: str) -> None:
        """Give rows of a table the keys of each other, or the next ones, in one statement: row by row a delete and a create."""
        keys = [key for one, key in self.rows if one == table]
        free = [key for key in map(str, range(COUNT[table])) if key not in keys]
        if len(keys) < 2:
            return
        those = self.rng.sample(keys, self.rng.randint(2, len(keys)))
        to = [*those[1:], self.rng.choice(free) if free and self.rng.random() < 0.5 else those[0]]
        pairs = [*zip(those, to, strict=True)]
        self.rng.shuffle(pairs)
        came = {}
        for former, key in pairs:
            row = self.rows[table, former]
            self.lsn += 1
            self._say("d", table, row, None, beside=True)
            came[key] = {**row, "id": key, "v": self._version(table)}
            self._say("c", table, None, came[key], beside=True)
        for former in those:
            del self.rows[table, former]
        self.rows |= {(table, key): row for key, row in came.items()}

    def _version(self, table: str) -> str:
        """Of a row's content. Headers have none, so that two of them may say the same."""
        return "0" if table in HEADERS else f"{self.lsn}"

    def _empty(self, table: str) -> None:
        for where in [one for one in self.rows if one[0] == table]:
            del self.rows[where]
        self._say("t", table, None, None)

    def _value(self, column: str) -> object:
        rng = self.rng
        match column:
            case "org" | "no":
                return rng.randrange(2)
            case "adm":
                return None if rng.random() < 0.35 else rng.randrange(3)  # a number here, a text there
            case "reg":
                return None if rng.random() < 0.2 else f"R{rng.randrange(3)}"
            case "slip":
                return None if rng.random() < 0.1 else f"{rng.randrange(3)}" + " " * rng.randrange(2)
            case "dept":
                return f"D{rng.randrange(2)}"
            case _:
                return None if rng.random() < 0.05 else rng.randrange(4)

    def _put(self, table: str, key: str, columns: Row) -> None:
        before = self.rows.get((table, key))
        row = self.rows[table, key] = {"id": key, "v": self._version(table), **columns}
        self._say("c" if before is None else "u", table, before, row)

    def _drop(self, table: str, key: str) -> None:
        self._say("d", table, self.rows.pop((table, key)), None)

    def _say(self, op: str, table: str, before: Row | None, row: Row | None, *, beside: bool = False) -> None:
        """beside: at this place of the log."""
        self.lsn += 0 if beside else self.rng.randrange(1, 4)
        self.log.append(orjson.dumps({"op": op, "before": before, "after": row, "source": self._source(table)}))

    def _source(self, table: str) -> dict[str, object]:
        at = BEGIN_MS + len(self.log)
        place = {"schema": "h", "table": table[2:], "lsn": self.lsn, "ts_ms": at, "ts_us": at * 1000}
        return {"connector": "postgresql", "name": SOURCE, "txId": self.transaction, **place}

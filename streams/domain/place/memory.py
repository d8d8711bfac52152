"""What the place stage knows of one source while one message is folded: its entries, and over them what the message changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from streams.domain.keys import SEPARATOR
from streams.domain.place import entries
from streams.domain.place.entries import Entry, Link, View
from streams.domain.place.headers import LinkedTable, LinkedTables, tables_of


@dataclass(slots=True, kw_only=True)
class Memory:
    """Entries of one source."""

    tables: LinkedTables
    """Its tables."""
    view: View
    """What was known before."""
    _changed: dict[bytes, bytes | None] = field(default_factory=dict, repr=False)
    """Changed entries of rows."""
    _marks: dict[bytes, bytes | None] = field(default_factory=dict, repr=False)
    """Changed entries that say which row is a header, or hangs under one."""
    _rows: dict[bytes, Entry | None] = field(default_factory=dict, repr=False)
    """Rows as this message leaves them, as far as they were looked at."""

    @property
    def state(self) -> dict[bytes, bytes | None]:
        """Changed state entries by key; None where the entry goes."""
        return self._changed | self._marks

    def hang(self, table: LinkedTable, key: str, *, before: Entry, entry: Entry) -> None:
        """Note under which header a row hangs, and as which it is known itself."""
        for one, value in ((before, None), (entry, entries.THERE)):
            if before.link != entry.link and one.link.headers:
                child = f"{table.name}{SEPARATOR}{key}".encode()
                self._marks[entries.children_prefix(one.link.headers, one.link.name) + child] = value
            if before.name != entry.name and one.name not in ("", key):
                self._marks[entries.names_prefix(table.name, one.name) + key.encode()] = value

    def there(self, prefix: bytes) -> list[bytes]:
        """The keys under a prefix, with what this message changed."""
        found = dict.fromkeys(self.view.scan(prefix))
        for key, value in self._marks.items():
            if key.startswith(prefix):
                if value is None:
                    found.pop(key, None)
                else:
                    found[key] = None
        return sorted(found)

    def row(self, where: bytes) -> Entry | None:
        """A row as this message leaves it."""
        if where not in self._rows:
            value = self.view.get(where)
            self._rows[where] = None if value is None else entries.load(where, value)
        return self._rows[where]

    def note(self, where: bytes, entry: Entry) -> None:
        """What a row is from now on, for whoever looks at it; it is yet to be put."""
        self._rows[where] = entry

    def put(self, where: bytes, entry: Entry | None) -> None:
        """Remember a row; None: forget it."""
        self._rows[where] = entry
        self._changed[where] = None if entry is None else entries.dump(entry)

    def backing(self, link: Link) -> Iterator[tuple[LinkedTable, Entry]]:
        """The rows that are a header."""
        for name in tables_of(link.headers):
            table = self.tables.by_name.get(name)
            if table is None:
                continue
            for key in self._named(table, link.name):
                entry = self.row(entries.row_key(name, key))
                if entry is not None and not entry.deleted and entry.name == link.name:
                    yield table, entry

    def _named(self, table: LinkedTable, name: str) -> list[str]:
        """The keys of the rows that may have this name."""
        if table.named_by == table.key and (entry := self.row(entries.row_key(table.name, name))) is not None and not entry.deleted:
            return [name]
        prefix = entries.names_prefix(table.name, name)
        return sorted({name, *(key[len(prefix) :].decode() for key in self.there(prefix))})

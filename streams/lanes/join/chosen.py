"""Lookups of which several rows share what they are asked by, or not all rows count: the one that is meant is worked out when one
comes, changes or goes, so that whoever asks finds it as in any other lookup.
"""

from streams.domain.normalise.choosing import Choice
from streams.domain.normalise.nulls import Nulls
from streams.domain.records import UNDECIDED, Row

_Key = tuple[str, ...]


class Chosen:
    """Of one lookup. found: where whoever asks finds the meant rows."""

    def __init__(self, choice: Choice, nulls: Nulls | None, found: dict[_Key, Row]) -> None:
        self.rows: dict[_Key, Row] = {}
        """All rows by their own key, as they came."""
        self._choice = choice
        self._nulls = nulls
        self._found = found
        self._named: dict[_Key, _Key] = {}
        """By row: by what it is asked, if it counts."""
        self._sharing: dict[_Key, dict[_Key, Row]] = {}
        """By what they are asked: the rows that count."""

    def settle(self, key: _Key) -> None:
        """A row came, changed or went."""
        row = self.rows.get(key)
        if row is not None and self._nulls is not None:
            row = self._nulls.read(row)
        name = None if row is None or not self._choice.counts(row) else self._choice.asked_as(row)
        before = self._named.pop(key, None)
        if before is not None:
            del self._sharing[before][key]
            self._choose(before)
        if name is not None and row is not None:
            self._named[key] = name
            self._come(name, key, row)

    def _come(self, name: _Key, key: _Key, row: Row) -> None:
        """A row more under a name. Only the meant one is looked at: a lookup is read row by row, and may have many of one name."""
        sharing = self._sharing.setdefault(name, {})
        sharing[key] = row
        meant = self._found.get(name)
        if meant is UNDECIDED:
            self._choose(name)
        else:
            self._found[name] = self._choice.newer(meant, row)

    def _choose(self, name: _Key) -> None:
        """Look at all rows of a name."""
        sharing = self._sharing[name]
        meant = self._choice.chosen(sharing.values())
        if meant is None:
            del self._sharing[name]
            self._found.pop(name, None)
        else:
            self._found[name] = meant

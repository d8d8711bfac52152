"""Rows of a lookup whose keys have blanks around them: a `char(n)` is captured with the blanks that fill it up, and no database
counts them when it compares one with a text or with a `char` of another length.
"""

from collections.abc import Mapping

from streams.domain.records import UNDECIDED, Row

_Key = tuple[str, ...]


class PaddedKeys:
    """Of one lookup. rows: all that may be found, by what they are asked by."""

    def __init__(self, rows: Mapping[_Key, Row]) -> None:
        self._rows = rows
        self._padded: dict[_Key, set[_Key]] = {}
        """Keys with blanks around them that a row had, by the key without."""

    def note(self, key: _Key) -> None:
        """A row has this key."""
        bare = _bare(key)
        if bare != key:
            self._padded.setdefault(bare, set()).add(key)

    def find(self, key: _Key) -> Row | None:
        """The row that is asked for by this key, which no row has as it stands; `UNDECIDED` where several rows are."""
        bare = _bare(key)
        keys = ({bare} if bare != key else set()) | self._padded.get(bare, set())
        found = [row for one in keys if (row := self._rows.get(one)) is not None]
        return (found[0] if len(found) == 1 else UNDECIDED) if found else None


def _bare(key: _Key) -> _Key:
    return tuple([part.strip(" ") for part in key])

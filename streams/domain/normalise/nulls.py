"""What a hospital writes for NULL (`"0"`, `-`, 1900-01-01), read as NULL wherever it stands in a table's rows."""

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from streams.domain.images import text_of
from streams.domain.normalise.formulas import Unless

_Value = TypeVar("_Value")


class Nulls(NamedTuple):
    """Of one table."""

    values: Unless
    """What stands for NULL."""
    key: tuple[str, ...]
    """Columns that identify a row: whatever stands there is a value."""

    def read(self, image: Mapping[str, _Value]) -> Mapping[str, _Value | None]:
        """A row image with NULL where the hospital writes something else; the same object where nothing is to be changed."""
        found = [
            name
            for name, value in image.items()
            if value is not None and name not in self.key and self.values((text_of(value),)) is None
        ]
        return {**image, **dict.fromkeys(found)} if found else image

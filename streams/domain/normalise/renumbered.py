"""Fee tables whose lines are edited by deleting them and inserting them again under new ids."""

from typing import NamedTuple


class Renumbered(NamedTuple):
    """By what a line that was inserted is known as one that was deleted."""

    same: tuple[str, ...]
    """Columns in which both say the same."""
    number: str
    """The column of a line's number, which is its key."""
    prefix: str
    """What stands before the number as it is reported."""

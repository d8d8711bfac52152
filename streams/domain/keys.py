"""What a key may look like."""

from typing import Final

SEPARATOR: Final = "\x1f"
"""Stands between the parts of a state key."""


def names_something(value: str | None) -> bool:
    """Whether a key column's value can name anything: it is not blank, and state keys can be taken apart again."""
    return value is not None and value.strip() != "" and SEPARATOR not in value

"""Numbers as texts of a database hold them, read and reckoned with exactly: nothing here goes through a float."""

import re
from decimal import Context, Decimal, InvalidOperation
from typing import Final

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_LONGEST: Final = 60
EXACT: Final = Context(prec=400, Emax=999, Emin=-999, traps=[InvalidOperation])
"""Wide enough for a product of several numbers of that length: nothing is rounded but by `quantize`, where it shows."""


def number_in(said: str) -> Decimal | None:
    """The number that a text is, without blanks at its ends; None of what is none, or is longer than any database's."""
    return Decimal(said) if len(said) <= _LONGEST and _NUMBER.fullmatch(said) is not None else None

"""The tests that cannot hold for a compiled core, each with the reason: all that `make compiled-proof` leaves out."""

from collections.abc import Mapping
from typing import Final

LEFT_OUT: Final[Mapping[str, str]] = {
    "tests/unit/streams/domain/join/test_counting.py::test_where_no_lookup_decides_nobody_asks_whether_a_row_counts": (
        "it looks at the frames of Python functions, and a compiled function has none"
    ),
}
"""By the id that pytest gives them."""

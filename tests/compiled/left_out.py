"""The tests that cannot hold for a compiled core, each with the reason: all that `make compiled-proof` leaves out."""

from collections.abc import Mapping
from typing import Final

LEFT_OUT: Final[Mapping[str, str]] = {
    "tests/unit/streams/domain/join/test_counting.py::test_where_no_lookup_decides_nobody_asks_whether_a_row_counts": (
        "it looks at the frames of Python functions, and a compiled function has none"
    ),
    "tests/contract/test_no_personal_data.py::test_nothing_personal_is_in_a_repr": (
        "it puts text into members of every type and reads their annotations: a compiled class checks the one and keeps a part of "
        "the other. What a `repr` shows is written in the sources, which are the same"
    ),
    "tests/unit/streams/lanes/test_other_versions.py::test_an_event_that_nobody_takes_is_not_folded_into_nothing": (
        "it puts another function in the place of one that the compiled fold calls without asking its module"
    ),
}
"""By the id that pytest gives them."""

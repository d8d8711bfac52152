"""What one set of topics alone remembers as reported, as people and programs see it."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from streams.explain.handover import GUARDED, REFUSED, UNNAMED, UNREPORTED, WAITS, WITHDRAWAL, Left
from streams.explain.subject import Keys
from streams.wording import count_of
from yibao import tables

_MENDS: Final = {
    REFUSED: "its row is wrong: have it mended by its letter, or deleted while both read",
    WAITS: "its row waits: yibao join pending",
    WITHDRAWAL: "its row went: its letter comes when the grace is over, while capture and workers run",
    GUARDED: "its row went with many others: see the letter WITHDRAWALS_HELD",
    UNNAMED: "0.1.0 reported its row, and did not note as what: yibao explain of the row, with both files",
    UNREPORTED: "the other set has not made a record of its row: it belongs to a refused one, is not read yet, or not captured",
}


def show(found: Sequence[Left], keys: Keys, *, most: int) -> None:
    """For people. most: records to be listed."""
    kinds = [(f"{count}", kind, _MENDS[kind]) for kind, count in Counter(one.kind for one in found).most_common()]
    told = count_of(len(found), "reported record is", "reported records are")
    closing = f"{told} remembered here alone: of them the other set would tell nobody that their rows went"
    tables.show(("records", "kind", "what mends it"), kinds, right=("records",), closing=closing, piped=tables.LONG_LINES)
    listed = [
        (one.kind, one.service, one.institution or "-", f"{one.row.source} {keys.row(one.row)}", one.letter or "-")
        for one in found[:most]
    ]
    tables.show(("kind", "service", "institution", "row", "letter"), listed, piped=tables.LONG_LINES)


def document(found: Sequence[Left], keys: Keys, *, most: int) -> dict[str, Any]:
    """For programs."""
    return {
        "left": len(found),
        "kinds": dict(Counter(one.kind for one in found)),
        "records": [{**one._asdict(), "row": keys.row(one.row), "source": one.row.source} for one in found[:most]],
    }

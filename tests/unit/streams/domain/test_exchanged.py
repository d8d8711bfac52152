"""Several rows under one key, while a transaction goes on: which of them a change is about."""

import pytest

from connector.contract import Mark, Op
from streams.domain.changes import RowChange
from streams.domain.exchanged import Beneath, held

FORMER, NEW, OTHER = {"id": "2", "dept": "former"}, {"id": "2", "dept": "new"}, {"id": "2", "dept": "other"}
KEY = {"id": "2"}


def change(op, row, *, transaction="7", server=""):
    mark = None if op is Op.READ else Mark((9, 1), 5, server)
    return RowChange("his", "h.bill", op, row, None, None, 0, mark, transaction=transaction)


def left(steps, **more):
    """The row on top after these changes of one transaction, and what lies beneath it."""
    top, beneath = FORMER, None
    for op, row in steps:
        about, beneath = held(change(op, row, **more), top, beneath)
        if about is not None:
            top = None if about.op is Op.DELETE else about.row
    return top, None if beneath is None else beneath.rows


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(Op.CREATE, NEW), (Op.DELETE, FORMER)], (NEW, None)),
        ([(Op.CREATE, NEW), (Op.DELETE, KEY)], (NEW, None)),
        ([(Op.CREATE, FORMER), (Op.DELETE, FORMER)], (FORMER, None)),
        ([(Op.CREATE, FORMER), (Op.DELETE, FORMER), (Op.DELETE, FORMER)], (None, None)),
        ([(Op.CREATE, NEW), (Op.DELETE, FORMER), (Op.DELETE, NEW)], (None, None)),
        ([(Op.CREATE, NEW), (Op.DELETE, NEW)], (FORMER, None)),
        ([(Op.CREATE, NEW), (Op.CREATE, OTHER), (Op.DELETE, NEW), (Op.DELETE, FORMER)], (OTHER, None)),
        ([(Op.CREATE, NEW), (Op.READ, OTHER), (Op.DELETE, FORMER)], (OTHER, None)),
        ([(Op.DELETE, FORMER), (Op.CREATE, NEW), (Op.DELETE, NEW)], (None, None)),
        ([(Op.CREATE, NEW)], (NEW, (FORMER,))),
    ],
)
def test_a_delete_takes_the_row_whose_content_it_says(steps, expected):
    """Of two rows that exchange their keys both stay, whatever a delete tells, and when they say the same: each is deleted once."""
    assert expected == left(steps)


@pytest.mark.parametrize("more", [{"transaction": "8"}, {"server": "2"}, {"transaction": ""}])
def test_what_another_transaction_deletes_is_the_row_that_stands_there(more):
    """A row that a snapshot read before its create came in the log lies beneath itself, and is owed no delete."""
    about, beneath = held(change(Op.DELETE, FORMER, **more), NEW, Beneath("/7", (FORMER,)))
    assert (Op.DELETE, None) == (about and about.op, beneath)


def test_where_capture_names_no_transaction_nothing_lies_beneath():
    """Nobody could say when it ends."""
    assert None is held(change(Op.CREATE, NEW, transaction=""), FORMER, None).beneath

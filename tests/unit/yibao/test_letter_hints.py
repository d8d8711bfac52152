"""A missing row may stand in the database and never have come: no clerk can mend that, and reading its table again does."""

from dataclasses import fields, replace

import pytest

from connector.contract import CapturedTable, TableRole
from streams.deadletter.record import DeadLetterView
from tests.unit.connector.test_reconcile import SOURCE
from yibao.letters.hints import hint_of


def table(name, role, **more):
    return CapturedTable(name=name, role=role, key=("id",), visit_key=("v",), columns=("id", "v"), **more)


HIS = replace(
    SOURCE,
    tables=(
        table("his.visit", TableRole.VISIT),
        table("his.bill", TableRole.HEADER),
        table("his.fee", TableRole.FEE, under=("his.bill",)),
        table("his.ward", TableRole.LOOKUP, lookup="ward"),
        table("his.big_ward", TableRole.LOOKUP, lookup="big_ward"),
    ),
)
EMPTY = DeadLetterView(**{one.name: "" for one in fields(DeadLetterView)})


@pytest.mark.parametrize(
    ("rule", "message", "read_again"),
    [
        ("MISSING_HEADER", "等待超时，缺少所属单据（R24）：his.bill/77", ["his.bill"]),
        ("MISSING_LOOKUP", "等待超时，缺少关联表中的行（R24）：ward", ["his.ward"]),
        ("MISSING_LOOKUP", "等待超时，缺少关联表中的行（R24）：his.ward.code=W12", ["his.ward"]),
        ("MISSING_VISIT", "等待超时，缺少所属就诊记录（R24）", ["his.visit"]),
        ("MISSING_POSITIVE_LINE", "等待超时，缺少退费所冲销的正向费用明细（R9）", []),
    ],
)
def test_a_letter_about_a_missing_row_names_the_tables_to_read_again(rule, message, read_again):
    """Of the letter's own source; another one may have a table of the same name."""
    letter = replace(EMPTY, dead_class="JOIN_INCOMPLETE", rule=rule, message=message, row_source="his", row_table="his.fee")
    hint = hint_of(letter, [HIS, replace(HIS, name="emr")])
    assert [f"yibao resnapshot {name} --source his --wait" for name in read_again] == [
        one for one in hint.partition(": ")[2].split("; ") if one
    ]


def test_a_letter_about_anything_else_has_no_hint():
    """A hint that is always there is not read."""
    assert "" == hint_of(replace(EMPTY, dead_class="MAPPING", rule="MISSING_VISIT", row_source="his"), [HIS])

"""Why somebody gave an order is kept for ever and read by many: no patient's number, and no name, as every help says."""

import pytest

from tests.unit.yibao.test_commands import COMMANDS
from yibao.options import why_option
from yibao.reasons_given import without_numbers


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("asked by the ward", "asked by the ward"),
        (" asked for 11010519491231002X ", "asked for 110***********002X"),
        ("call 138 0013 8000 back", "call 138******8000 back"),
        ("１３８００１３８０００", "138****8000"),
        ("card 110105 19491231 002X", "card 110***********002X"),
        ("card 110105-491231-002", "card 110********1002"),
        ("plan 29dxs0s1te0b00 of 2026-11-30, 1,234,567 records, H36110200001", None),
    ],
)
def test_what_looks_like_a_persons_number_is_masked_and_nothing_else(written, kept):
    """The chain of digests makes it impossible to take it out again."""
    assert (written if kept is None else kept) == without_numbers(written)


WITH_REASON = [name for name, command in COMMANDS.items() if {"--why", "--reason"} & {*command.options_by_name}]


def test_every_reason_is_taken_by_either_name_and_says_that_no_name_belongs_there():
    """A name cannot be recognised: whoever writes must know."""
    assert len(WITH_REASON) > 10
    for name in WITH_REASON:
        options = COMMANDS[name].options_by_name
        assert options["--why"] is options["--reason"], name
        assert "Never a patient's or relative's name or number." in options["--why"].about, name


def test_whoever_writes_a_number_is_told_and_no_verb_sees_it(capsys):
    """It goes into plans, letters' histories and bindings, too, each by another way."""
    clean = why_option("").callback
    assert ("138****8000", "fine") == (clean("13800138000"), clean(" fine "))
    assert 1 == capsys.readouterr().err.count("kept masked")

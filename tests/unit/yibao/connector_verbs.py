"""`yibao connector …` in this process, on a site with settings of Connect that a test chooses."""

import sys

import pytest

from tests.unit.streams.mapping.test_files import MAPPING, SITE
from yibao.main import run

SECRET = "hunter2-is-a-secret"
"""Stands in the file `secret` beside the site's; whatever is printed is searched for it."""


def connector_verbs(folder, monkeypatch, capsys):
    """A function of the verb's words and of Connect's settings: exit code, standard output, standard error."""
    (folder / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    (folder / "secret").write_text(f"{SECRET}\n")

    monkeypatch.setattr("connector.orders._LASTS_S", 0.0)  # a Connect of a test does not waver

    def call(*words, **settings):
        written = ", ".join(f"{name}: {value}" for name, value in settings.items())
        (folder / "site.yaml").write_text(SITE.replace("url: http://127.0.0.1:8083", written), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["yibao", "connector", *words, "-c", f"{folder / 'site.yaml'}"])
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        assert "hunter2" not in told.out + told.err
        return stopped.value.code or 0, told.out, told.err

    return call


def one_error(err):
    """The only line of standard error."""
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert line.isprintable()
    return line

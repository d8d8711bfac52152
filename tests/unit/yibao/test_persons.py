"""Who gives an order, as the audit log says it."""

import os
import pwd
import socket

import pytest

from streams.errors import Misconfigured
from yibao.persons import PERSON_VARIABLE, actor

ACCOUNT = f"{pwd.getpwuid(os.getuid()).pw_name}@{socket.gethostname()}"


def test_no_variable_changes_the_account(monkeypatch):
    """The log said whatever stood in LOGNAME."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "mallory")
    assert ACCOUNT == actor()


def test_a_name_stands_beside_the_account(monkeypatch):
    """Several share it; the name proves nothing, and so hides nothing."""
    monkeypatch.setenv(PERSON_VARIABLE, "  王 \t 芳 ")
    assert f"王 芳 via {ACCOUNT}" == actor()


@pytest.mark.parametrize("name", ["root@db", "a via root", "x" * 65, "\x1b[2J", "11010519491231002X"])
def test_what_would_pass_for_an_account_or_is_a_patients_number_is_no_name(monkeypatch, name):
    """The log is read by people, and exported."""
    monkeypatch.setenv(PERSON_VARIABLE, name)
    with pytest.raises(Misconfigured, match=PERSON_VARIABLE):
        actor()

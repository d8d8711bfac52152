"""Logging in to PostgreSQL before capture: as Connect will, and told apart by SQLSTATE, whatever language the server speaks."""

import socket
import struct
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from connector.errors import Misconfigured, Unreachable
from connector.profiles.postgresql.login import login_options
from connector.profiles.postgresql.profile import PostgresqlProfile
from connector.profiles.postgresql.reading import read_catalogue
from tests.unit.connector.profiles.test_postgresql_checks import SOURCE

GERMAN = ("FATAL", "Passwort-Authentifizierung für Benutzer »capture« fehlgeschlagen")
CHINESE = ("致命错误", '用户 "capture" Password 认证失败')


@contextmanager
def server_that_says(*, state, words, encoding):
    """A server of one socket: it takes the start of a session and answers with one ErrorResponse, as PostgreSQL words it."""
    severity, message = (text.encode(encoding) for text in words)
    fields = ((b"S", severity), (b"V", b"FATAL"), (b"C", state.encode()), (b"M", message), (b"R", b"auth_failed"))
    body = b"".join(letter + text + b"\0" for letter, text in fields) + b"\0"

    def serve():
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with link:
                (length,) = struct.unpack("!I", link.recv(4, socket.MSG_WAITALL))
                link.recv(length - 4, socket.MSG_WAITALL)
                link.sendall(b"E" + struct.pack("!I", len(body) + 4) + body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield replace(SOURCE, host="127.0.0.1", port=listener.getsockname()[1], sslmode="disable")
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("words", "encoding"), [(GERMAN, "latin-1"), (CHINESE, "gbk"), (CHINESE, "utf-8")])
@pytest.mark.parametrize("state", ["28P01", "28000", "3D000", "42501"])
def test_a_refused_login_is_a_file_to_mend_in_every_language(state, words, encoding):
    """Exit code 3 sends the person on call to the network, and a pipeline tries for ever, while only the password is wrong."""
    with server_that_says(state=state, words=words, encoding=encoding) as source, pytest.raises(Misconfigured) as told:
        read_catalogue(source, password="wrong")
    assert (f"refuses the login of {source.user}" in f"{told.value}", source.password_file in f"{told.value}") == (True, True)


def test_a_chinese_servers_words_are_shown_as_it_wrote_them():
    """They are compared with its log; before a login they come in the bytes of its own machine."""
    with server_that_says(state="28P01", words=CHINESE, encoding="gbk") as source, pytest.raises(Misconfigured) as told:
        read_catalogue(source, password="wrong")
    assert CHINESE[1] in f"{told.value}"


@pytest.mark.parametrize("state", ["57P03", "53300"])
def test_a_server_that_starts_or_is_full_is_tried_again(state):
    """Nobody must look for a wrong password because the database was restarted."""
    with server_that_says(state=state, words=CHINESE, encoding="gbk") as source, pytest.raises(Unreachable) as told:
        read_catalogue(source, password="right")
    assert state in f"{told.value}"


def test_the_login_is_the_one_that_connect_will_make(monkeypatch):
    """A check that passes on another way than capture's is worth nothing."""
    source = replace(SOURCE, sslmode="verify-full", ca_file="/our/ca.pem", connect_ca_file="/connects/ca.pem")
    connects = PostgresqlProfile().options(source)
    ours = login_options(source, password="word")
    names = {"host": "hostname", "port": "port", "dbname": "dbname", "user": "user", "sslmode": "sslmode"}
    assert {name: connects[f"database.{name}"] for name in names.values()} == {names[name]: f"{ours[name]}" for name in names}
    assert (ours["sslrootcert"], connects["database.sslrootcert"]) == ("/our/ca.pem", "/connects/ca.pem")


def test_nothing_of_the_environment_leads_the_login_elsewhere(monkeypatch):
    """PG… variables of whoever types `plan` do not reach Connect."""
    for name, value in {
        "PGHOSTADDR": "127.0.0.9",
        "PGCLIENTENCODING": "GBK",
        "PGOPTIONS": "-c x=y",
        "PGSSLMODE": "require",
    }.items():
        monkeypatch.setenv(name, value)
    with server_that_says(state="28P01", words=CHINESE, encoding="utf-8") as source, pytest.raises(Misconfigured):
        read_catalogue(source, password="wrong")


def test_a_host_that_nobody_knows_is_named():
    """No traceback of the resolver."""
    with pytest.raises(Unreachable, match=r"nowhere\.invalid"):
        read_catalogue(replace(SOURCE, host="nowhere.invalid"), password="word")

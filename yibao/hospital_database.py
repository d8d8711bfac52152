"""The sample hospital's PostgreSQL: how `yibao hospital` connects to it, and the password of the role that captures it."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
import typer

from sandbox.hospital.database import ROLE
from streams.bounded import KEY_BYTES, NotText, read_bounded, text_in
from streams.errors import Misconfigured, Unreachable, YibaoError

Connection: TypeAlias = "psycopg.Connection[Any]"


class Login:
    """How to connect. password_file: None where none is asked for."""

    def __init__(self, host: str, port: int, user: str, password_file: Path | None) -> None:
        self.host, self.port, self.user = host, port, user
        self.password = None if password_file is None else password_in(password_file)


@contextmanager
def connected(login: Login, database: str) -> Iterator[Connection]:
    """A connection, closed with the block. Raises Unreachable, and YibaoError where the user may not do what is done."""
    try:
        conn = psycopg.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            dbname=database,
            autocommit=True,
            connect_timeout=10,
        )
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise Unreachable(f"PostgreSQL on {login.host}:{login.port}, database {database}: {reason}") from error
    with conn:
        try:
            yield conn
        except psycopg.OperationalError as error:
            raise Unreachable(f"PostgreSQL on {login.host}:{login.port} went away: {type(error).__name__}") from error
        except psycopg.errors.InsufficientPrivilege as error:
            raise YibaoError(f"{login.user} may not do this; --user must be a superuser") from error


def made_password(file: Path) -> str:
    """The password in a file, made where there is none: for its owner alone, and without a line break, for Connect hands it on."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as made:
            made.write(secrets.token_urlsafe(24))
        typer.echo(f"password of role {ROLE} made: {file}", err=True)
    except FileExistsError:
        pass
    except OSError as error:
        raise Misconfigured(f"{file} cannot be made: {error.strerror}") from error
    return password_in(file)


def password_in(file: Path) -> str:
    """The password in a file, without what stands around it. Raises Misconfigured."""
    try:
        text = text_in(read_bounded(file, most=KEY_BYTES)).strip()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read as a password: {error.strerror}") from error
    except NotText as error:
        raise Misconfigured(f"{file} {error}") from error
    if not text:
        raise Misconfigured(f"{file} is empty; write a password into it")
    return text

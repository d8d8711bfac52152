"""What Connect holds against a capture, in words that say what to do: it does not say itself that it cannot read a password."""

from dataclasses import replace

import pytest

from connector.connect import ConfigError
from connector.contract import DatabaseKind
from connector.objections import objections
from tests.unit.connector.test_reconcile import SOURCE

LOGIN = ConfigError(key="database.hostname", messages=("password authentication failed",))
DIRECTORY = replace(
    SOURCE, password_file="/mysite/secrets/his.password", password_reference="${directory:/mysite/secrets:his.password}"
)


def test_a_login_that_connect_does_not_get_names_the_folder_that_it_must_be_allowed_to_read():
    """Connect tries the reference itself as the password, so what it tells reads as a wrong password."""
    (found,) = objections([LOGIN], DIRECTORY, line_break=False)
    assert "config.providers.directory.param.allowed.paths" in found.mend
    assert "yibao stack up --secrets /mysite/secrets" in found.mend


def test_a_line_break_is_named_where_connect_takes_it_for_a_part_of_the_password():
    """`echo` writes one, our own check of the database does not mind it, and nobody sees it."""
    (found,) = objections([LOGIN], DIRECTORY, line_break=True)
    assert "/mysite/secrets/his.password ends with a line break" in found.mend
    (other,) = objections([LOGIN], replace(DIRECTORY, password_reference="${env:HIS_PASSWORD}"), line_break=True)
    assert ("line break" in other.mend, "allowed.paths" in other.mend) == (False, False)


def test_an_option_of_another_kind_is_told_as_connect_tells_it():
    """Only Connect knows its plugins' options."""
    (found,) = objections([ConfigError(key="tasks.max", messages=("not a number",))], DIRECTORY, line_break=False)
    assert (found.where, found.what) == ("Kafka Connect, tasks.max", "not a number")


@pytest.mark.parametrize(
    ("told", "kind", "form"),
    [
        ("Unable to connect: Failed load keyStore", DatabaseKind.MARIADB, "keytool -importcert"),
        ("PKIX path building failed: unable to find valid certification path", DatabaseKind.MARIADB, "keytool -importcert"),
        ("SSL error: certificate verify failed", DatabaseKind.POSTGRESQL, "as PEM"),
    ],
)
def test_a_server_that_connect_does_not_believe_is_no_matter_of_passwords(told, kind, form):
    """A security officer gives a PEM file, and Java reads none for a MariaDB."""
    failed = ConfigError(key="database.hostname", messages=(told,))
    (found,) = objections([failed], replace(DIRECTORY, kind=kind), line_break=False)
    assert ("connect_ca_file" in found.mend, form in found.mend, "allowed.paths" in found.mend) == (True, True, False)

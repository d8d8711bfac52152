"""Look at a live database before anything is captured from it."""

from connector.access import read_secret
from connector.contract import CaptureSource
from connector.findings import Finding
from connector.profiles import profile_of


def preflight(source: CaptureSource) -> tuple[Finding, ...]:
    """Everything that stands against capturing this source, at once.

    Raises Misconfigured when the password file cannot be read or the login is refused, Unreachable when nothing answers.
    """
    password = read_secret(source.password_file, setting=f"sources.{source.name}.password_file")
    return profile_of(source.kind).preflight(source, password=password)

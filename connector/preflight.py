"""Look at a live database before anything is captured from it."""

from pathlib import Path

from connector.contract import CaptureSource
from connector.errors import Misconfigured
from connector.findings import Finding
from connector.profiles import profile_of


def preflight(source: CaptureSource) -> tuple[Finding, ...]:
    """Everything that stands against capturing this source, at once.

    Raises Misconfigured when the password file cannot be read or the login is refused, Unreachable when nothing answers.
    """
    return profile_of(source.kind).preflight(source, password=read_secret(source))


def read_secret(source: CaptureSource) -> str:
    """The password of the capture role, without the line end that editors add."""
    try:
        return Path(source.password_file).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as exc:
        raise Misconfigured(
            f"source {source.name}: the password file {source.password_file} cannot be read: {exc.strerror}",
        ) from exc

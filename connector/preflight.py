"""Look at a live database before anything is captured from it."""

from connector.contract import CaptureSource
from connector.findings import Finding
from connector.profiles import profile_of


def preflight(source: CaptureSource, *, password: str) -> tuple[Finding, ...]:
    """All reasons why this source cannot be captured as it is, found in one look.

    Raises Misconfigured when the login is refused, Unreachable when nothing answers.
    """
    return profile_of(source.kind).preflight(source, password=password)

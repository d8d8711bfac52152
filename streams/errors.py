"""The errors of the data plane, by what happens to the bytes.

YibaoError
├── Retryable   try again, nothing is lost
├── Rejected    to the dead letters, with the reason
├── Fatal       stop the worker before anything is committed
│   └── Newer   because a newer version wrote what was read
├── Refused     a service answered and said no: exit 1
├── Misconfigured   a person must change a file or a setting: exit 2
└── Unreachable     a service that is needed now does not answer: exit 3
"""

from typing import Final


class YibaoError(Exception):
    """Base of all errors that this product raises on purpose. Its text never holds personal data or a secret."""


class Retryable(YibaoError):
    """The same call may succeed later; nothing is lost by trying again."""


class Rejected(YibaoError):
    """These bytes can never pass; they go to the dead letters with this reason."""


class Fatal(YibaoError):
    """The worker must stop before it commits anything. `exit_code` tells the supervisor why."""

    def __init__(self, message: str, *, exit_code: int = 70) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Newer(Fatal):
    """A newer version of this product wrote what was read; to go on would drop what it added. `met`: what was read, and where."""

    EXIT_CODE: Final = 77

    def __init__(self, met: str) -> None:
        self.met = met
        super().__init__(
            f"{met} was written by a newer version; run that version or newer (docs/upgrade.md). Nothing is lost",
            exit_code=self.EXIT_CODE,
        )


class Refused(YibaoError):
    """A service answered and refused what was asked of it."""


class Misconfigured(YibaoError):
    """A person must change a file or a setting before this can run."""


class Unreachable(YibaoError):
    """A service that is needed now does not answer."""

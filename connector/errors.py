"""The errors of the control plane, by who must act. The command line ends with `exit_code`.

CaptureError            1
├── Refused             1   the service answered and said no
├── Misconfigured       2   a person must change a file or a setting
│   └── BadCondition        the database does not understand a condition, which stands in the text
├── Unseen              2   this product does not look into a database of that kind
└── Unreachable         3   a service that is needed now does not answer
"""

from typing import ClassVar


class CaptureError(Exception):
    """Base of what this package raises on purpose. Its text says what, where and how to mend, and never holds a secret."""

    exit_code: ClassVar[int] = 1


class Refused(CaptureError):
    """A service answered and refused what was asked of it."""


class Misconfigured(CaptureError):
    """A person must change a file or a setting before this can run."""

    exit_code: ClassVar[int] = 2


class BadCondition(Misconfigured):
    """The database does not understand a condition. The text holds it: whoever made it of rows' keys says something else."""


class Unseen(CaptureError):
    """Into a database of that kind this product does not look: what was asked is not known. The text says where that stands."""

    exit_code: ClassVar[int] = 2


class Unreachable(CaptureError):
    """A service that is needed now does not answer."""

    exit_code: ClassVar[int] = 3

"""Why a worker process ends. The supervisor restarts all of them with back-off; what it pages on stands here too."""

from enum import IntEnum
from typing import Final

from streams.errors import Newer


class Exit(IntEnum):
    """The exit codes of a worker, besides 0 (asked to stop), 2 (configuration) and 3 (cannot reach)."""

    LANE = 70
    """A lane cannot go on, or was fenced by the next owner of its partition."""

    HOLE = 71
    """A number is missing. Twice at the same place means that records were lost before they were read."""

    METADATA = 72
    """A topic is missing, has another number of partitions, or the group's leader knows nothing of it."""

    SILENT = 73
    """A partition's end moved on and nothing of it was handed over."""

    FOREIGN_OFFSET = 74
    """The committed offset does not carry our metadata: it was reset, it expired, or it was never laid down."""

    NOT_VISIBLE = 75
    """A transaction that the broker acknowledged cannot be read back."""

    STORE = 76
    """The copy of the state on this machine cannot be read or written. Nothing is lost: the state stands in `visit.state`."""

    NEWER = Newer.EXIT_CODE
    """A newer version of this product worked here before: an older one would drop what it wrote."""

    OTHER_SITE = 78
    """The topics are bound to another site than the worker's file describes, or to none: it would report to the wrong platform."""

    SHORT_LOG = 79
    """A topic ends before the committed offset, or was made anew: what comes next would be taken for what was read before. Or the
    brokers hold an older copy: this machine had the lane further.
    """

    OTHER_MAPPING = 80
    """Workers of one stage with different mappings began at the same time; this one was the later."""


CANNOT_REACH: Final = 3
"""As of every command: no broker answers. Of a worker at work: a broker hung, and the client lost its way."""

PAGE_AT_ONCE: Final = frozenset({Exit.FOREIGN_OFFSET, Exit.NOT_VISIBLE, Exit.NEWER, Exit.OTHER_SITE, Exit.SHORT_LOG})

"""A disk that is full, as far as this process and its children go: nothing more can be written into any file."""

import resource
from contextlib import contextmanager


@contextmanager
def full_disk():
    """Files may be made, and not written: the system counts that as one that becomes too large."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

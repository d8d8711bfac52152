"""Embedded stacks of tests."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.stack import SERVICES, Stack
from tests.warden import MARK


def new_home() -> Path:
    """An empty folder that ends with the run."""
    return Path(tempfile.mkdtemp(prefix=os.environ[MARK]))


@contextmanager
def own_stack(*services: str) -> Iterator[Stack]:
    """A stack with nothing started yet. It ends with the block, and with this process, even when that is killed."""
    stack = Stack(new_home(), services or SERVICES, durable=False, bound=True)
    try:
        yield stack
    finally:
        stack.erase()

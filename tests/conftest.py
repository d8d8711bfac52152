"""What tests of several kinds share: one embedded stack for the whole run, started by the first test that asks for it."""

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.stack import Endpoints, Stack

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run that a script put in the background ignores Ctrl-C, and so would every program that it starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _umask_of_its_own() -> Iterator[None]:
    """The command line closes what it makes from then on; called inside of a test, it must not do so for all later ones."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def embedded() -> Iterator[Stack]:
    """The run's stack, with nothing started yet. It ends with the run, even when the run is killed."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="yibao-stack-")), durable=False, bound=True)
    try:
        yield stack
    finally:
        stack.erase()


@pytest.fixture(scope="session")
def kafka(embedded: Stack) -> Endpoints:
    """The broker of the run's stack."""
    with _open_umask():
        embedded.start("kafka")
    return embedded.endpoints


@pytest.fixture(scope="session")
def postgres(embedded: Stack) -> Endpoints:
    """The database of the run's stack."""
    with _open_umask():
        embedded.start("postgres")
    return embedded.endpoints


@pytest.fixture(scope="session")
def stack(embedded: Stack) -> Endpoints:
    """PostgreSQL, Kafka and Connect of the run's stack."""
    with _open_umask():
        return embedded.up()


@contextmanager
def _open_umask() -> Iterator[None]:
    """What the stack keeps is closed by the stack, and not by the umask of whoever starts it."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)

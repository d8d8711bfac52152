"""What tests of several kinds share: one embedded stack for the whole run, started by the first test that asks for it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from sandbox.stack import Endpoints, Stack
from streams.built import core
from tests.own_stack import new_home, own_stack
from tests.warden import Warden

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A run that a script put in the background ignores Ctrl-C, and so would every program that it starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

WARDEN = pytest.StashKey[Warden]()
SHARED = pytest.StashKey[Path]()


def pytest_configure(config) -> None:
    """Who conducts the run sees to it that nothing outlives it; the processes that `-n` adds are among what it watches."""
    core()  # extension modules of another version's sources would be tested in place of what stands there
    if not hasattr(config, "workerinput"):
        config.stash[WARDEN] = Warden()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node) -> None:
    """A process joins the run (`-n`): it is told where the stack is that all of them share."""
    if SHARED not in node.config.stash:
        node.config.stash[SHARED] = new_home()
    node.workerinput["stack"] = f"{node.config.stash[SHARED]}"


def pytest_unconfigure(config) -> None:
    """The last that the conductor does; the other processes have ended."""
    if warden := config.stash.get(WARDEN, None):
        warden.finish()


@pytest.fixture(autouse=True)
def _umask_of_its_own() -> Iterator[None]:
    """The command line closes what it makes from then on; called inside of a test, it must not do so for all later ones."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture(scope="session")
def embedded(request) -> Iterator[Stack]:
    """The run's stack, with nothing started yet. It ends with the run, even when the run is killed."""
    if told := getattr(request.config, "workerinput", None):
        yield Stack(Path(told["stack"]), durable=False)  # whichever process asks first starts it, the warden ends it
        return
    with own_stack() as stack:
        yield stack


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

"""Ports of the embedded stack: clients remember them, so they must not wander."""

import socket
from pathlib import Path

import pytest

from sandbox.stack.ports import LOOPBACK, PortBook, Ports, free_port, is_free
from streams.errors import Misconfigured


@pytest.fixture
def occupied():
    """A port that another program listens on."""
    with socket.create_server((LOOPBACK, free_port(set()))) as server:
        yield server.getsockname()[1]


def test_a_port_stays_the_same_from_start_to_start(tmp_path):
    """Workers and connectors keep the address over a restart."""
    first = PortBook(tmp_path / "ports.json", Ports()).claim("kafka", may_move=True)

    assert first == PortBook(tmp_path / "ports.json", Ports()).claim("kafka", may_move=True)


def test_two_services_never_get_the_same_port(tmp_path):
    """The second to start would die of it."""
    book = PortBook(tmp_path / "ports.json", Ports())
    ports = [book.claim(name, may_move=True) for name in ("postgres", "kafka", "controller", "connect")]

    assert sorted(set(ports)) == sorted(ports)


def test_a_kept_port_that_somebody_took_is_replaced(tmp_path, occupied):
    """A stack that nobody uses yet should start, not ask."""
    (tmp_path / "ports.json").write_text(f'{{"kafka": {occupied}}}')
    book = PortBook(tmp_path / "ports.json", Ports())

    assert occupied != book.claim("kafka", may_move=True)


def test_a_port_that_clients_know_is_not_replaced(tmp_path, occupied):
    """A broker that comes back elsewhere is a broker that is gone."""
    (tmp_path / "ports.json").write_text(f'{{"kafka": {occupied}}}')

    with pytest.raises(Misconfigured, match=f"port {occupied} for kafka is in use"):
        PortBook(tmp_path / "ports.json", Ports()).claim("kafka", may_move=False)


def test_a_chosen_port_that_is_taken_is_an_error(tmp_path, occupied):
    """Who chose a port has told others of it."""
    book = PortBook(tmp_path / "ports.json", Ports(postgres=occupied))

    with pytest.raises(Misconfigured, match=f"port {occupied} for postgres is in use"):
        book.claim("postgres", may_move=True)


def test_a_free_port_is_never_one_that_the_kernel_gives_to_clients():
    """A client knocking at a dead server can be given the server's own port; the server could not come back."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert all(free_port(set()) < lowest for _ in range(50))


def test_a_port_that_is_listened_on_is_not_free(occupied):
    """The look before the start must see what the service would run into."""
    assert not is_free(occupied)

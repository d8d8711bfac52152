"""A stack of three brokers: what each is told of the others."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.stack import Stack
from sandbox.stack.broker import Brokers
from sandbox.stack.ports import PortBook, Ports
from sandbox.stack.service import Home
from streams.errors import Misconfigured


def test_brokers_that_start_at_the_same_time_name_the_same_voters(tmp_path):
    """Each asks for the others' ports before they have any: with two ports for one of them there is no quorum."""
    home = Home(root=tmp_path)
    home.lay_out()
    brokers = Brokers(home, PortBook(tmp_path / "ports.json", Ports()), 3)
    with ThreadPoolExecutor(3) as pool:
        voters, clusters = zip(*pool.map(lambda _: (brokers.voters, brokers.cluster()), range(12)), strict=True)
    assert (1, 1) == (len(set(voters)), len(set(clusters)))
    assert ["1", "2", "3"] == [one.partition("@")[0] for one in voters[0].split(",")]
    values = brokers.values
    assert {"copies": 3, "in_sync": 2, "servers": brokers.kept_servers} == values


def test_one_broker_is_its_own_quorum(tmp_path):
    """The stack of the tests and the demonstration."""
    brokers = Brokers(Home(root=tmp_path), PortBook(tmp_path / "ports.json", Ports()), 1)
    assert (("kafka",), 1, 1) == (brokers.names, brokers.values["copies"], brokers.values["in_sync"])


def test_how_many_brokers_a_stack_has_is_for_its_life(tmp_path):
    """`stack down` and `status` are not told it, and a second `up` must not make a third of a cluster."""
    home = Home(root=tmp_path / "stack")
    home.lay_out()
    home.brokers.write_text("3\n")
    assert ("kafka", "kafka-2", "kafka-3") == Stack(home.root).brokers
    assert ("kafka", "kafka-2", "kafka-3") == Stack(home.root, brokers=3).brokers
    with pytest.raises(Misconfigured, match="was made with 3 of them, not 1"):
        Stack(home.root, brokers=1)
    with pytest.raises(Misconfigured, match="1 or 3 brokers, not 2"):
        Stack(tmp_path / "other", brokers=2)

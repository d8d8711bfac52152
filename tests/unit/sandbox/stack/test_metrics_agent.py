"""Connect's own metrics in the embedded stack: an option, for who does not ask for it pays nothing."""

import pytest

from sandbox.stack.broker import Brokers
from sandbox.stack.connect import RULES, Connect
from sandbox.stack.ports import PortBook, Ports
from sandbox.stack.service import Home
from streams.errors import Misconfigured


def connect_of(folder, *, metrics, agents=("jmx_prometheus_javaagent-1.0.1.jar",)):
    """Connect with Java programs that are only names."""
    dist, home = folder / "java", Home(root=folder / "a=b" / "stack")
    for name in ("lib/kafka_2.13.jar", *(f"agents/{agent}" for agent in agents)):
        (dist / name).parent.mkdir(parents=True, exist_ok=True)
        (dist / name).write_bytes(b"jar")
    home.lay_out()
    book = PortBook(home.root / "ports.json", Ports(connect_metrics=19_404))
    return Connect(home, book, Brokers(home, book, 1), dist=dist, metrics=metrics), home


def test_without_the_option_there_is_no_agent_and_no_port(tmp_path):
    """It costs memory and a port that nobody asked for."""
    service, _ = connect_of(tmp_path, metrics=False)
    assert ("connect",) == service.ports
    assert not [word for word in service.prepare() if f"{word}".startswith("-javaagent")]


def test_the_agent_is_named_without_a_path_and_listens_on_loopback(tmp_path):
    """Java ends the path of an agent at the first `=`, and the agent its rules at a `:`; the folder of a checkout may have both."""
    service, home = connect_of(tmp_path, metrics=True)
    agents = [f"{word}" for word in service.prepare() if f"{word}".startswith("-javaagent")]
    assert ["-javaagent:jmx-exporter.jar=127.0.0.1:19404:jmx-connect.yaml"] == agents
    assert RULES.read_bytes() == (home.conf / "jmx-connect.yaml").read_bytes()
    assert b"jar" == (home.conf / "jmx-exporter.jar").read_bytes()
    assert ("connect", "connect_metrics") == service.ports


def test_an_agent_that_was_not_fetched_is_named_with_what_fetches_it(tmp_path):
    """A checkout that was set up by an earlier version."""
    service, _ = connect_of(tmp_path, metrics=True, agents=())
    with pytest.raises(Misconfigured, match="run `make setup`"):
        service.prepare()

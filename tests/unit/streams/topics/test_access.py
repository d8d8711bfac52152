"""An error of brokers names those that are away, and blames nothing else while some are."""

import socket
from contextlib import contextmanager

from kafka.errors import InvalidReplicationFactorError, KafkaTimeoutError

from streams.topics.access import away, not_let_in


@contextmanager
def server(*, listens):
    """The address of one that takes connections, or of a port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if listens:
            taken.listen()
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_brokers_that_take_no_connection_are_named_whatever_the_others_say():
    """With two of three away, a cluster complained of the replication factor, and a client of its login."""
    with server(listens=True) as here, server(listens=False) as gone, server(listens=False) as lost:
        told = away([here, gone, lost])
        assert f"2 of the 3 brokers take no connection, start them first: {gone}, {lost}" in told
        assert told == away(f"{here},{gone},{lost}")
        said = f"{not_let_in([here, gone, lost], InvalidReplicationFactorError())}"
    assert (True, False) == (gone in said, "kafka.security" in said)


def test_where_all_take_connections_it_is_the_login_that_is_looked_at():
    """Nobody is to look for a broker that is there."""
    with server(listens=True) as here:
        assert "" == away([here])
        assert "kafka.security" in f"{not_let_in([here], KafkaTimeoutError())}"

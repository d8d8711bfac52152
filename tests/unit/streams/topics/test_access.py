"""An error of brokers names those that are away or hang, and blames nothing else while some are."""

import socket
import ssl
import time
from contextlib import contextmanager

import pytest
from kafka.errors import InvalidReplicationFactorError, KafkaTimeoutError

from streams.errors import Unreachable
from streams.topics import access
from streams.topics.access import away, knock, not_let_in
from streams.topics.greeting import mute
from tests.unit.streams.topics.listeners import listening

SOON_S = 0.2


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Who hangs is known after a moment."""
    monkeypatch.setattr(access, "_GREET_S", SOON_S)
    monkeypatch.setattr(access, "_GREET_AGAIN_S", SOON_S)


@contextmanager
def closed():
    """The address of a port at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def test_brokers_that_take_no_connection_are_named_whatever_the_others_say():
    """With two of three away, a cluster complained of the replication factor, and a client of its login."""
    with listening(answer=b"0") as here, closed() as gone, closed() as lost:
        told = away([here, gone, lost])
        assert f"2 of the 3 brokers take no connection, start them first: {gone}, {lost}" in told
        assert told == away(f"{here},{gone},{lost}")
        said = f"{not_let_in([here, gone, lost], InvalidReplicationFactorError())}"
    assert (True, False) == (gone in said, "kafka.security" in said)


def test_where_all_answer_it_is_the_login_that_is_looked_at():
    """Nobody is to look for a broker that is there."""
    with listening(answer=b"0") as here:
        assert "" == away([here])
        assert "kafka.security" in f"{not_let_in([here], KafkaTimeoutError())}"
        knock([here])


def test_a_broker_that_hangs_is_named_and_its_login_is_not_blamed():
    """It was told as one that lets nobody in, after 37 to 63 seconds: whoever is woken looks for a wrong password."""
    with listening() as hangs:
        began = time.monotonic()
        with pytest.raises(Unreachable, match=f"Kafka at {hangs} takes connections, and answers nothing") as told:
            knock([hangs])
        assert SOON_S <= time.monotonic() - began < 10 * SOON_S
        assert "kafka.security" not in f"{told.value}"
        said = f"{not_let_in([hangs], KafkaTimeoutError())}"
    assert ("1 of the 1 brokers hang" in said, "kafka.security" in said) == (True, False)


def test_one_broker_that_answers_is_enough_and_the_others_are_not_waited_for(monkeypatch):
    """A client finds the one that is well by itself; each verb would wait for the one that hangs."""
    monkeypatch.setattr(access, "_GREET_S", 60.0)
    with listening() as hangs, closed() as gone, listening(answer=b"0") as here:
        knock([hangs, gone, here])


def test_brokers_of_which_some_hang_and_some_are_away_are_all_told():
    """Each needs another hand."""
    with listening() as hangs, closed() as gone, pytest.raises(Unreachable) as told:
        knock([hangs, gone])
    assert f"{hangs}: takes connections, and answers nothing; {gone}: Connection refused" in f"{told.value}"


def test_what_ends_a_connection_is_awake():
    """A listener of TLS that is greeted without it, or the other way about: that is `kafka.security`, and the client says so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with listening(answer=b"no TLS here, and nothing like it") as plain, listening() as hangs, closed() as gone:
        said = [mute(server, tls=context, within_s=SOON_S) for server in (plain, hangs, gone)]
    assert [False, True, False] == said

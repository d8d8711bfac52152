"""Reading a topic to its end: all of it, no more than it was, and never hanging on brokers that give nothing."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from kafka.errors import KafkaError, KafkaTimeoutError

from streams.deadletter.reading import read_dead_letters
from streams.errors import Misconfigured, Unreachable
from streams.topics import access
from streams.topics import whole as whole_topic
from streams.topics.whole import read_whole
from tests.unit.streams.topics.listeners import listening

CLIENT = {"bootstrap_servers": ["a:9092", "b:9092"]}


@dataclass
class Consumer:
    """Two partitions; each poll gives one message of each. `stops_at`: gives nothing from that poll on."""

    topic: dict = field(default_factory=lambda: {0: 3, 1: 1})
    stops_at: int = 1_000
    fails: bool = False
    polls: int = 0
    closed: bool = False

    def __post_init__(self):
        self.at = {}

    def partitions_for_topic(self, _topic):
        return set(self.topic)

    def assign(self, places):
        self.places = places

    def beginning_offsets(self, places):
        return dict.fromkeys(places, 0)

    def end_offsets(self, places):
        return {place: self.topic[place.partition] for place in places}

    def seek(self, place, offset):
        self.at[place] = offset

    def position(self, place):
        return self.at[place]

    def poll(self, timeout_ms):
        assert timeout_ms
        if self.fails:
            raise KafkaError
        self.polls += 1
        if self.polls > self.stops_at:
            return {}
        found = {}
        for place in self.places:
            if self.at[place] < self.topic[place.partition]:
                headers = [("x-dlq-id", f"{place.partition}-{self.at[place]}".encode())]
                found[place] = [
                    SimpleNamespace(partition=place.partition, offset=self.at[place], key=None, value=None, headers=headers)
                ]
                self.at[place] += 1
        return found

    def close(self, timeout_ms):
        assert timeout_ms
        self.closed = True


@pytest.fixture
def consumer(monkeypatch):
    one = Consumer()

    def connect(**options):
        assert options["isolation_level"] == "read_committed"
        assert not options["enable_auto_commit"]
        return one

    monkeypatch.setattr(whole_topic, "KafkaConsumer", connect)
    monkeypatch.setattr(access, "knock", lambda _, **_tls: None)
    return one


def test_everything_is_read_once_and_the_connection_closed(consumer):
    """A letter that is not read is not mended."""
    told = []
    messages = list(read_whole(CLIENT, "dead", on_progress=lambda *progress: told.append(progress)))
    assert sorted((message.partition, message.offset) for message in messages) == [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert told == [(0, 4), (2, 4), (3, 4), (4, 4)]
    assert consumer.closed


def test_an_empty_topic_is_complete(consumer):
    """No dead letters is an answer."""
    consumer.topic = {0: 0}
    reading = read_dead_letters(CLIENT, "dead")
    assert (reading.letters, reading.complete, consumer.polls) == ((), True, 0)


def test_a_reading_that_ran_out_of_time_says_so(consumer):
    """A count of half the topic must not pass for the whole."""
    assert not read_dead_letters(CLIENT, "dead", deadline_s=0.0).complete
    assert consumer.closed
    reading = read_dead_letters(CLIENT, "dead")
    assert (len(reading.letters), reading.messages, reading.complete) == (4, 4, True)


def test_a_topic_that_is_not_there_is_named_with_the_remedy(consumer):
    """Usually the prefix is wrong."""
    consumer.topic = {}
    with pytest.raises(Misconfigured, match=r"a:9092,b:9092 has no topic dead: .*topics apply"):
        list(read_whole(CLIENT, "dead"))


def test_brokers_that_give_nothing_more_are_not_waited_for_for_ever(consumer, monkeypatch):
    """A person waits before the screen."""
    monkeypatch.setattr(whole_topic, "_STALLED_S", 0.0)
    consumer.stops_at = 1
    with pytest.raises(Unreachable, match="2 messages before its end"):
        list(read_whole(CLIENT, "dead"))
    assert consumer.closed


def test_brokers_that_fail_on_the_way_are_named(consumer):
    """Exit code 3 and an address, not a stack trace of a library."""
    consumer.fails = True
    with pytest.raises(Unreachable, match="a:9092,b:9092 stopped answering while dead was read"):
        list(read_whole(CLIENT, "dead"))


def test_brokers_that_let_nobody_in_are_named(monkeypatch):
    """As to every verb that asks them: wrong credentials."""

    def connect(**_options):
        raise KafkaTimeoutError

    monkeypatch.setattr(whole_topic, "KafkaConsumer", connect)
    not_in = "takes connections, but does not let this client in"
    with listening(answer=b"0") as server, pytest.raises(Unreachable, match=rf"{server} {not_in}.*kafka\.security"):
        list(read_whole({"bootstrap_servers": server}, "dead"))


def test_a_broker_that_hangs_is_no_matter_of_the_login(monkeypatch):
    """Its machine takes connections for it; a person looked for a wrong password after a minute of silence."""
    monkeypatch.setattr(access, "_GREET_S", 0.2)
    with listening() as server, pytest.raises(Unreachable, match=rf"{server} takes connections, and answers nothing") as told:
        list(read_whole({"bootstrap_servers": server}, "dead"))
    assert "kafka.security" not in f"{told.value}"

"""What brokers and Connect keep in topics of their own is as safe as ours, or a person is told how it gets so."""

import json
import re

from streams.topics.internal import InternalTopic, internal_notes, may_be_connects

BROKERS, SERVERS = (1, 2, 3), "kafka1:9092,kafka2:9092"
SAFE = ((1, 2, 3), (2, 3, 1))


def topic(name, *, copies=SAFE, in_sync=2):
    return InternalTopic(name=name, copies=copies, in_sync=in_sync)


def notes(*found, brokers=BROKERS, copies=3):
    return internal_notes(found, brokers=brokers, copies=copies, servers=SERVERS)


def test_what_is_safe_is_not_told():
    """Nobody reads a note that is always there."""
    assert () == notes(topic("__consumer_offsets"), topic("__transaction_state"), topic("connect.offsets"))


def test_too_few_copies_are_told_with_the_statement_that_makes_more():
    """One broker alone knew the offsets of a group; leaders stay where they are, and new copies do not all go to one broker."""
    (told,) = notes(topic("__consumer_offsets", copies=((2,), (3,), (2,))), topic("connect-status"))
    assert told.startswith("__consumer_offsets has 1 of 3 copies")
    assert "offsets.topic.replication.factor=3" in told
    statement = re.search(r"kafka-reassign-partitions.sh --bootstrap-server (\S+) .*<\(echo '(.*)'\)", told)
    assert SERVERS == statement[1]
    assert [[2, 1, 3], [3, 2, 1], [2, 3, 1]] == [one["replicas"] for one in json.loads(statement[2])["partitions"]]


def test_what_one_broker_alone_may_acknowledge_is_told_with_the_statement_that_forbids_it():
    """Brokers make these topics with their own default, which is 1: a capture's offset is lost with the broker that took it."""
    (told,) = notes(topic("connect.offsets", in_sync=1))
    assert told.startswith("connect.offsets has min.insync.replicas 1")
    assert f"--bootstrap-server {SERVERS} --alter --entity-type topics --entity-name connect.offsets" in told
    assert told.endswith("--add-config min.insync.replicas=2")


def test_a_cluster_of_three_is_asked_for_three_copies_whatever_the_site_asks_for():
    """A smaller one is asked for as many as the site's topics have."""
    one = topic("connect.configs", copies=((1,),))
    assert "config.storage.replication.factor=3" in notes(one, copies=1)[0]
    assert () == notes(one, brokers=(1,), copies=1)
    assert "has 1 of 2 copies" in notes(one, brokers=(1, 2), copies=2)[0]


def test_connects_topics_are_known_by_their_names_and_missed_where_none_is():
    """Connect tells nobody what they are called."""
    names = [
        "connect.configs",
        "_connect-cluster-offsets",
        "Connect_Status",
        "visit.state",
        "connect.his.orders",
        "a.connect.status",
    ]
    assert ["Connect_Status", "_connect-cluster-offsets", "connect.configs"] == may_be_connects(names, prefix="a.")
    (told,) = notes(topic("__consumer_offsets"))
    assert "no topic of Kafka Connect was recognised" in told

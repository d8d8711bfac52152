"""A broker that was frozen goes on, and says of a transaction that it does not run, because it missed that it began. One that takes
over says of a producer that nobody knows it, because it has not read everything yet.
"""

import time
from types import SimpleNamespace

import pytest
from aiokafka.errors import InvalidProducerIdMapping, InvalidTxnState, ProducerFenced
from aiokafka.producer.sender import (
    AddOffsetsToTxnHandler,
    AddPartitionsToTxnHandler,
    EndTxnHandler,
    SendProduceReqHandler,
    TxnOffsetCommitHandler,
)
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnResponse_v0,
    AddPartitionsToTxnResponse_v0,
    EndTxnResponse_v0,
    TxnOffsetCommitResponse_v0,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.lanes import stale_answers
from streams.lanes.settings import LaneSettings

AT = TopicPartition("visit.ready", 0)
NO_TRANSACTION, NO_PRODUCER, FENCED, DONE = 48, 49, 47, 0


class Sender:
    """What a handler asks of a producer's sender, and what was done to it."""

    def __init__(self):
        stale_answers.install()
        self.done = []
        self._retry_backoff = 0.01
        self._txn_manager = SimpleNamespace(
            offset_committed=lambda *_: self.done.append("committed"), complete_transaction=lambda: self.done.append("ended")
        )
        self.client = SimpleNamespace(force_metadata_update=lambda: self.done.append("who leads"))

    def _coordinator_dead(self, _kind):
        self.done.append("who coordinates")

    def doubted(self, seconds_ago):
        self.yibao_doubted_at = time.monotonic() - seconds_ago


def offsets_answered(sender, code):
    handler = TxnOffsetCommitHandler(sender, {AT: OffsetAndMetadata(7, "")}, "yibao-deliver")
    return handler.handle_response(TxnOffsetCommitResponse_v0(0, [(AT.topic, [(AT.partition, code)])]))


def partition_answered(sender, code):
    return AddPartitionsToTxnHandler(sender, [AT]).handle_response(
        AddPartitionsToTxnResponse_v0(0, [(AT.topic, [(AT.partition, code)])])
    )


def group_answered(sender, code):
    return AddOffsetsToTxnHandler(sender, "yibao-join").handle_response(AddOffsetsToTxnResponse_v0(0, code))


def end_answered(sender, code):
    return EndTxnHandler(sender, 1).handle_response(EndTxnResponse_v0(0, code))


COORDINATOR = [partition_answered, group_answered, end_answered]


def may_go_again(sender, error):
    return SendProduceReqHandler(sender, {})._can_retry(error, None)


def test_the_right_broker_is_asked_before_a_transaction_is_given_up():
    """Two workers ended with 70 in the moment in which a broker went on that had hung for 20 s; their transactions were well."""
    sender = Sender()
    assert may_go_again(sender, InvalidTxnState())
    assert offsets_answered(sender, NO_TRANSACTION) > 0
    assert offsets_answered(sender, DONE) is None
    assert ["who leads", "who coordinates", "committed"] == sender.done


def test_what_all_brokers_go_on_saying_is_believed():
    """The transaction was ended: whoever ended it goes on, and this worker must not."""
    sender = Sender()
    sender.doubted(stale_answers.BELIEVED_S + 1)
    assert not may_go_again(sender, InvalidTxnState())
    with pytest.raises(InvalidTxnState):
        offsets_answered(sender, NO_TRANSACTION)


@pytest.mark.parametrize("answered", COORDINATOR)
def test_a_coordinator_that_takes_over_and_knows_no_producer_is_asked_again(answered):
    """A worker ended with 70 when the transactions' log moved to another broker, and 40 s of its partitions were lost with it."""
    sender = Sender()
    assert answered(sender, NO_PRODUCER) > 0
    assert ["who coordinates"] == sender.done
    sender.doubted(stale_answers.BELIEVED_S + 1)
    with pytest.raises(InvalidProducerIdMapping):
        answered(sender, NO_PRODUCER)


def test_what_is_written_meanwhile_is_sent_again():
    """The leader of a partition asks that coordinator, and passes its answer on."""
    assert may_go_again(Sender(), InvalidProducerIdMapping())
    assert offsets_answered(Sender(), NO_PRODUCER) > 0


def test_an_end_that_was_asked_for_twice_is_read_back():
    """A broker that knows only the transaction before says that it is committed: the lane must not take that for its own."""
    sender = Sender()
    assert end_answered(sender, NO_TRANSACTION) > LaneSettings(linger_s=0, idle_linger_s=0).doubt_s
    assert end_answered(sender, DONE) is None
    assert ["who coordinates", "ended"] == sender.done


def test_a_fence_is_believed_at_once():
    """Another worker holds the lane."""
    assert not may_go_again(Sender(), ProducerFenced())
    for answered in (*COORDINATOR, offsets_answered):
        with pytest.raises(ProducerFenced):
            answered(Sender(), FENCED)

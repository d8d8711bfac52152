"""A broker that was frozen goes on, and says of a transaction that it does not run, because it missed that it began."""

import time
from types import SimpleNamespace

import pytest
from aiokafka.errors import InvalidTxnState, ProducerFenced
from aiokafka.producer.sender import SendProduceReqHandler, TxnOffsetCommitHandler
from aiokafka.protocol.transaction import TxnOffsetCommitResponse_v0
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.lanes import stale_answers

AT = TopicPartition("visit.ready", 0)
NO_TRANSACTION, DONE = 48, 0


class Sender:
    """What a handler asks of a producer's sender, and what was done to it."""

    def __init__(self):
        stale_answers.install()
        self.done = []
        self._retry_backoff = 0.01
        self._txn_manager = SimpleNamespace(offset_committed=lambda *_: self.done.append("committed"))
        self.client = SimpleNamespace(force_metadata_update=lambda: self.done.append("who leads"))

    def _coordinator_dead(self, _kind):
        self.done.append("who coordinates")

    def doubted(self, seconds_ago):
        self.yibao_doubted_at = time.monotonic() - seconds_ago


def offsets_answered(sender, code):
    handler = TxnOffsetCommitHandler(sender, {AT: OffsetAndMetadata(7, "")}, "yibao-deliver")
    return handler.handle_response(TxnOffsetCommitResponse_v0(0, [(AT.topic, [(AT.partition, code)])]))


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


def test_a_fence_is_believed_at_once():
    """Another worker holds the lane."""
    assert not may_go_again(Sender(), ProducerFenced())

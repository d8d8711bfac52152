"""When the demonstration's live days may begin: not before what stood in the database is reported."""

from connector.contract import Topics
from streams.lanes.marks import DeliverMark, JoinMark
from streams.topics.broker import CommittedOffset
from yibao.demonstration.backlog import Backlog

TOPICS = Topics()


class Standing:
    """A broker whose groups stand where a test puts them. Two partitions."""

    def __init__(self, *, ends, joined, delivered):
        self.changes = dict(enumerate(ends))
        self.joined = joined
        self.delivered = delivered

    def ends(self, topic):
        assert topic == TOPICS.changes
        return self.changes

    def committed(self, group, topic, partitions):
        offsets = self.joined if group == TOPICS.group("join") else self.delivered
        mark = JoinMark if group == TOPICS.group("join") else DeliverMark
        assert topic == (TOPICS.changes if mark is JoinMark else TOPICS.ready)
        return {
            number: CommittedOffset(offset=offsets[number][0], metadata=mark(seq=offsets[number][1]).text())
            for number in partitions
        }


def test_it_is_reported_when_both_stages_are_through_what_stood_there_at_the_beginning():
    """The join's number of the next record says how many there are; the deliver stage's, how many have their outcome."""
    broker = Standing(ends=[10, 0], joined=[(9, 5), (0, 1)], delivered=[(70, 5), (0, 1)])
    backlog = Backlog(broker, TOPICS)
    assert not backlog.is_reported(), "a change is not joined yet"
    broker.joined, broker.delivered = [(10, 7), (0, 1)], [(70, 6), (0, 1)]
    assert not backlog.is_reported(), "a record is under way"
    broker.delivered = [(80, 7), (0, 1)]
    assert backlog.is_reported()


def test_what_comes_later_is_not_waited_for():
    """Ticks and new rows come for ever."""
    broker = Standing(ends=[10, 4], joined=[(10, 7), (4, 2)], delivered=[(80, 6), (3, 2)])
    backlog = Backlog(broker, TOPICS)
    assert not backlog.is_reported()
    broker.changes = {0: 30, 1: 40}
    broker.joined, broker.delivered = [(12, 9), (5, 3)], [(81, 7), (3, 2)]
    assert backlog.is_reported()

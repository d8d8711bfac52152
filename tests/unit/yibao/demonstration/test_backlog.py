"""When the demonstration's live days may begin: not before what stood in the database is reported."""

from connector.contract import Topics
from streams.lanes.marks import DeliverMark, JoinMark, PlaceMark
from streams.topics.broker import CommittedOffset
from yibao.demonstration.backlog import Backlog

TOPICS = Topics()


class Standing:
    """A broker whose groups stand where a test puts them. One source, two partitions.

    placed: offset in the source's rows, and the next numbers. joined: by partition, the number it wants and the record's that comes
    next. delivered: by partition, the record's that comes next.
    """

    def __init__(self, *, end, placed, joined, delivered):
        self.end, self.placed, self.joined, self.delivered = end, placed, joined, delivered

    def ends(self, topic):
        assert TOPICS.rows("his") == topic
        return {0: self.end}

    def committed(self, group, topic, partitions):
        return {number: CommittedOffset(**self._stands(group, topic, number)) for number in partitions}

    def _stands(self, group, topic, number):
        match group, topic:
            case "yibao-place", "rows.his":
                return {"offset": self.placed[0], "metadata": PlaceMark(out=self.placed[1], born="b").text()}
            case "yibao-join", "visit.changes":
                wanted, seq = self.joined[number]
                return {"offset": 7, "metadata": JoinMark(seq=seq, taken={"his/b": wanted} if wanted else {}).text()}
            case "yibao-deliver", "visit.ready":
                return {"offset": 70, "metadata": DeliverMark(seq=self.delivered[number]).text()}


def backlog_of(broker):
    return Backlog(broker, TOPICS, sources=["his"], partitions=2)


def test_it_is_reported_when_all_stages_are_through_what_stood_there_at_the_beginning():
    """Each stage's number of the next record says how many there are for the one behind it."""
    broker = Standing(end=10, placed=(9, (9, 1)), joined=[(8, 5), (0, 1)], delivered=[5, 1])
    backlog = backlog_of(broker)
    assert not backlog.is_reported(), "a row is not placed yet"
    broker.placed = (10, (10, 1))
    assert not backlog.is_reported(), "a change is not joined yet"
    broker.joined, broker.delivered = [(10, 7), (0, 1)], [6, 1]
    assert not backlog.is_reported(), "a record is under way"
    broker.delivered = [7, 1]
    assert backlog.is_reported()


def test_what_comes_later_is_not_waited_for():
    """Ticks and new rows come for ever."""
    broker = Standing(end=10, placed=(10, (8, 3)), joined=[(8, 7), (3, 2)], delivered=[6, 2])
    backlog = backlog_of(broker)
    assert not backlog.is_reported()
    broker.end, broker.placed = 40, (30, (20, 11))
    broker.joined, broker.delivered = [(9, 9), (4, 3)], [7, 2]
    assert backlog.is_reported()

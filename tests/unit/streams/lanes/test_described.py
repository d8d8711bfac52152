"""Topics are asked for at a broker by chance: one that was just lost ends no worker."""

from aiokafka.errors import NodeNotReadyError

from streams.lanes.kafka_broker import _described


async def test_another_broker_is_asked_where_the_first_was_just_lost():
    """A join worker ended with exit code 3 when one of three brokers was killed while it looked for its lookup topics."""

    class Admin:
        asked = 0

        async def describe_topics(self, topics):
            self.asked += 1
            if self.asked == 1:
                raise NodeNotReadyError
            return topics

    assert ["lookup.dept"] == await _described(Admin(), ["lookup.dept"])

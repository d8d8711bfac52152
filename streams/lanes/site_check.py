"""Whether the topics belong to the site that a worker was started for: asked before it begins, by each lane that opens, and by the
watch as long as it runs.
"""

from aiokafka.errors import KafkaError

from streams.errors import Fatal, Unreachable
from streams.lanes.exits import Exit
from streams.lanes.kafka_broker import KafkaBroker, partition_counts
from streams.lanes.ports import Broker, TopicPartition
from streams.lanes.settings import BrokerSettings
from streams.topics.binding import OtherSite, SiteIdentity, in_force, objection


class SiteCheck:
    """Compares a site with what its topics are bound to, and reads that again when something was written."""

    def __init__(self, broker: Broker, here: SiteIdentity, *, topic: str) -> None:
        self._broker = broker
        self._here = here
        self._at = TopicPartition(topic, 0)
        self._seen = -1
        self.mark = ""
        """What they are bound with, once that was read."""

    async def demand(self) -> None:
        """Raise Fatal where the topics are another site's or nobody's."""
        end = (await self._broker.end_offsets([self._at]))[self._at]
        if end == self._seen:
            return
        start = await self._broker.first_offset(self._at)
        values = [value async for page in self._broker.read(self._at, start) for _key, value in page.entries]
        bound = in_force(values)
        if (found := objection(bound, self._here, topic=self._at.topic)) is not None:
            raise _fatal(found)
        self._seen, self.mark = end, "" if bound is None else bound.mark


async def demand_site(settings: BrokerSettings, here: SiteIdentity, *, topic: str) -> str:
    """The same once, before a worker begins; the mark that they are bound with. Raises Fatal, Unreachable."""
    broker = KafkaBroker(settings)
    try:
        if topic not in await partition_counts(settings, [topic]):
            raise _fatal(OtherSite(binding=None, topic=topic))
        check = SiteCheck(broker, here, topic=topic)
        await check.demand()
    except (KafkaError, OSError, AssertionError, LookupError) as exc:
        raise Unreachable(f"the brokers do not say whose topics these are ({type(exc).__name__}): try again") from exc
    finally:
        await broker.stop()
    return check.mark


def _fatal(found: OtherSite) -> Fatal:
    return Fatal(f"{found}", exit_code=Exit.OTHER_SITE)

"""Who takes part in a group of consumers now."""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from streams.lanes.kafka_broker import connection
from streams.lanes.settings import BrokerSettings


async def members_of(settings: BrokerSettings, group: str) -> list[tuple[str, str]]:
    """Name and host of each member of a group. Raises KafkaError when its coordinator does not say."""
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
        ((error, _group, _state, _type, _protocol, members, *_),) = (await admin.describe_consumer_groups([group]))[0].groups
    finally:
        await admin.close()
    if error:
        raise for_code(error)
    return [(client, host) for _id, client, host, *_ in members]

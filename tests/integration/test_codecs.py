"""Every codec that site.yaml offers: written by the stages' client, read by the command line's, which is another one."""

import time
from typing import get_args

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.lanes.kafka_broker import KafkaBroker
from streams.lanes.ports import Send
from streams.mapping.connections import Kafka
from streams.topics.whole import read_whole
from tests.settings import broker_settings

pytestmark = pytest.mark.stack


@pytest.mark.parametrize("codec", get_args(Kafka.model_fields["compression"].annotation))
async def test_what_the_stages_write_can_be_read_by_every_command(kafka, codec):
    """`yibao dlq` that cannot read the dead letters is noticed on the day on which they are needed."""
    topic = f"codec-{codec}-{time.time_ns() % 10**10}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    compression = None if codec == "none" else codec
    broker = KafkaBroker(broker_settings(kafka.bootstrap_servers, compression=compression))
    producer = broker.producer(topic)
    values = [b"%d" % number * 500 for number in range(20)]
    await producer.start()
    await producer.begin()
    assert list(range(20)) == await producer.write([Send(topic=topic, key=b"k", value=value) for value in values], 0)
    await producer.commit()
    await producer.stop()
    await broker.stop()
    assert values == [message.value for message in read_whole({"bootstrap_servers": kafka.bootstrap_servers}, topic)]

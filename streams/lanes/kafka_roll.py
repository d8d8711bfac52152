"""A connection to each broker that is used for nothing but asking whether it is there."""

from collections.abc import Iterable
from typing import Any

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from streams.lanes.kafka_broker import connection
from streams.lanes.settings import BrokerSettings
from streams.lanes.shunning import address as address_of
from streams.lanes.shunning import calling_the_roll


class KafkaRoll:
    """Asks brokers over connections that stay open: to log in anew every two seconds would cost a broker more."""

    def __init__(self, settings: BrokerSettings, *, client_id: str = "yibao-roll") -> None:
        self._options = {**connection(settings), "client_id": client_id}
        servers = self._options.pop("bootstrap_servers")
        self.servers = tuple(address_of(host, port) for host, port, _family in collect_hosts(servers, randomize=False))
        self._open: dict[str, Any] = {}

    async def ask(self, address: str) -> Iterable[str]:
        """The addresses of the brokers that the one at `address` knows of."""
        to = self._open.pop(address, None)
        if to is None or not to.connected():
            host, _, port = address.rpartition(":")
            calling_the_roll.set(True)  # in the task that asks, and nowhere else
            to = await create_conn(host.strip("[]"), int(port), **self._options)
        try:
            answer = await to.send(MetadataRequest([]))
        except BaseException:
            to.close()
            raise
        self._open[address] = to
        return [address_of(host, port) for _node, host, port, *_ in answer.brokers]

    async def stop(self) -> None:
        """Close the connections."""
        while self._open:  # a question that is under way takes its connection meanwhile
            _, connection = self._open.popitem()
            await connection.close()

"""The cluster itself, as far as a site depends on it: brokers, settings, features, quotas, copies. Asks, and judges nothing."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient
from kafka.errors import KafkaError
from kafka.protocol.admin import DescribeClientQuotasRequest

from streams.errors import Unreachable
from streams.topics.access import BrokerAccess, away, client_options, closed, is_inside_a_client, let_in

SETTINGS: Final = ("offsets.retention.minutes", "transaction.max.timeout.ms", "auto.create.topics.enable")
"""The brokers' settings that a site depends on."""

_FEATURE: Final = "metadata.version"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerFacts:
    """One broker, as the others name it to every client."""

    number: int
    """Its id."""
    address: str
    """`host:port`, as it is told to clients."""
    closed: str
    """Why that address takes no connection from here; `""` where it does."""
    settings: Mapping[str, str]
    """Those of `SETTINGS` that it tells; none where this account may not read them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionFacts:
    """Who has the records of one partition."""

    topic: str
    number: int
    leader: int
    """The broker that leads it; -1 while none does."""
    copies: int
    """Brokers that are to have it."""
    in_sync: int
    """Brokers that have all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A bound that the brokers set somebody."""

    entity: Mapping[str, str]
    """For whom: by `client-id`, `user` or `ip`; `""` stands for everybody who has none of its own."""
    values: Mapping[str, float]
    """The bounds, as Kafka names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What the brokers say of themselves."""

    id: str
    """By which a cluster is known; `""` where it tells none."""
    brokers: Sequence[BrokerFacts]
    """Those that take part now."""
    metadata_level: int | None
    """The highest `metadata.version` that the broker that answered speaks; None where it tells none."""
    quotas: Sequence[Quota]
    """All quotas; none where this account may not read them."""
    partitions: Sequence[PartitionFacts]
    """Of the topics that were asked for and exist."""


def read_cluster(access: BrokerAccess, *, topics: Sequence[str]) -> Cluster:
    """Look at the brokers once. topics: whose copies are looked at. Raises Unreachable."""
    with let_in(access.bootstrap_servers, tls=access.tls):
        admin = KafkaAdminClient(**client_options(access, client_id="yibao-doctor"))
    try:
        return _read(admin, topics)
    except (KafkaError, AssertionError, LookupError) as exc:
        if not isinstance(exc, KafkaError) and not is_inside_a_client(exc):
            raise
        servers = access.bootstrap_servers
        raise Unreachable(f"Kafka at {servers} does not say how it stands ({type(exc).__name__}){away(servers)}") from exc
    finally:
        admin.close()


def _read(admin: KafkaAdminClient, topics: Sequence[str]) -> Cluster:
    found: Mapping[str, Any] = admin.describe_cluster()
    settings = _settings(admin, [int(one["broker_id"]) for one in found["brokers"]])
    return Cluster(
        id=f"{found.get('cluster_id') or ''}",
        brokers=[_broker(one, settings) for one in found["brokers"]],
        metadata_level=_level(admin),
        quotas=_quotas(admin),
        partitions=_partitions(admin, topics),
    )


def _broker(told: Mapping[str, Any], settings: Mapping[int, Mapping[str, str]]) -> BrokerFacts:
    number, address = int(told["broker_id"]), f"{told['host']}:{told['port']}"
    return BrokerFacts(number=number, address=address, closed=closed(address), settings=settings.get(number, {}))


def _settings(admin: KafkaAdminClient, numbers: Sequence[int]) -> dict[int, Mapping[str, str]]:
    """An account without the right to read them still works."""
    resources = [ConfigResource(ConfigResourceType.BROKER, f"{number}", dict.fromkeys(SETTINGS)) for number in numbers]
    with suppress(KafkaError):
        found: Mapping[str, Mapping[str, Mapping[str, Any]]] = admin.describe_configs(resources, config_filter="all").get(
            "broker", {}
        )
        return {
            int(number): {name: f"{one['value']}" for name, one in configs.items() if name in SETTINGS}
            for number, configs in found.items()
        }
    return {}


def _level(admin: KafkaAdminClient) -> int | None:
    with suppress(KafkaError):
        if supported := admin.describe_features().get(_FEATURE, {}).get("supported"):
            return int(supported[1])
    return None


def _quotas(admin: KafkaAdminClient) -> list[Quota]:
    """The client has no call for them, only their protocol."""
    with suppress(KafkaError):
        manager = admin._manager  # noqa: SLF001 - see above
        told = manager.run(manager.send, DescribeClientQuotasRequest(components=[], strict=False)).to_dict()
        return [
            Quota(
                entity={one["entity_type"]: one["entity_name"] or "" for one in entry["entity"]},
                values={one["key"]: float(one["value"]) for one in entry["values"]},
            )
            for entry in told["entries"] or ()
        ]
    return []


def _partitions(admin: KafkaAdminClient, topics: Sequence[str]) -> list[PartitionFacts]:
    wanted = sorted(set(topics) & set(admin.list_topics()))
    described: list[Mapping[str, Any]] = admin.describe_topics(wanted) if wanted else []
    return [
        PartitionFacts(
            topic=topic["name"],
            number=int(partition["partition_index"]),
            leader=int(partition["leader_id"]),
            copies=len(partition["replica_nodes"]),
            in_sync=len(partition["isr_nodes"]),
        )
        for topic in described
        for partition in topic["partitions"]
    ]

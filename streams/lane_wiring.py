"""From a site's file to where its lanes read: without the stages themselves, for a command that asks what they would do."""

from collections.abc import Mapping

from connector.contract import TableRole
from streams.broker_wiring import broker_access
from streams.lanes.join.lookups import LookupTable
from streams.lanes.settings import BrokerSettings
from streams.mapping import Site, capture_sources


def broker_settings(site: Site) -> BrokerSettings:
    """How the workers reach the brokers. Raises Misconfigured for a file that cannot be used."""
    access = broker_access(site)
    security: dict[str, object] = {"security_protocol": access.protocol}
    if access.tls is not None:
        security["ssl_context"] = access.tls
    if access.protocol.startswith("SASL"):
        security["sasl_mechanism"] = access.mechanism
        security["sasl_plain_username"] = access.user
        security["sasl_plain_password"] = access.password
    return BrokerSettings(
        bootstrap_servers=access.bootstrap_servers,
        compression=None if site.kafka.compression == "none" else site.kafka.compression,
        security=security,
    )


def lookup_tables(site: Site) -> Mapping[str, LookupTable]:
    """The lookup tables of a site by their topic."""
    return {
        site.topics.lookup(table.lookup): LookupTable(name=table.lookup, key=table.key)
        for source in capture_sources(site)
        for table in source.tables
        if table.role is TableRole.LOOKUP and table.lookup is not None
    }

"""From a site's file to where its lanes read: without the stages themselves, for a command that asks what they would do."""

from collections.abc import Mapping

from connector.contract import TableRole
from streams.broker_wiring import broker_access
from streams.lanes.join.lookups import LookupTable
from streams.lanes.settings import BrokerSettings
from streams.mapping import Site
from streams.mapping.compiling import choice_of, nulls_of


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
        site.topics.lookup(table.lookup_name): LookupTable(
            name=table.lookup_name,
            key=table.key,
            nulls=nulls_of(mapping, table),
            choice=choice_of(table),
        )
        for mapping in (site.mappings[source] for source in site.sources)
        for table in mapping.tables
        if table.role is TableRole.LOOKUP
    }

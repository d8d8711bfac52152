"""MySQL: the binary log, read as a replica reads it, numbered by GTID. What MariaDB and MySQL share is MariaDB's."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, Final

from connector.contract import CaptureSource
from connector.findings import Finding
from connector.preparation import Step
from connector.profiles.advice import Advice
from connector.profiles.mariadb.profile import MariadbProfile
from connector.profiles.mariadb.reading import read_catalogue
from connector.profiles.mysql.checks import check
from connector.profiles.mysql.preparation import preparation

_SSL: Final = {"disable": "disabled", "require": "required", "verify-ca": "verify_ca", "verify-full": "verify_identity"}
"""By what a site calls it: what the connector does."""


class MysqlProfile(MariadbProfile):
    """How Debezium captures MySQL, and what must be true of the database for it."""

    connector_class: ClassVar[str] = "io.debezium.connector.mysql.MySqlConnector"
    plugin_is: ClassVar[str] = "Debezium's archive for MySQL, unpacked in a folder of its own (debezium-connector-mysql)"
    oldest_plugin: ClassVar[tuple[int, int, int]] = (3, 6, 1)

    def advice(self, source: CaptureSource) -> Advice:
        """As of MariaDB."""
        return replace(super().advice(source), more_senders="SET PERSIST max_connections = {more};")

    def options(self, source: CaptureSource) -> Mapping[str, str]:
        """As of MariaDB; what the connector calls the ways of TLS is its own."""
        return {**super().options(source), "database.ssl.mode": _SSL[source.sslmode]}

    def preparation(self, source: CaptureSource, *, connect_host: str) -> tuple[Step, ...]:
        """Settings, heartbeat, account, rights."""
        return preparation(source, connect_host=connect_host)

    def preflight(self, source: CaptureSource, *, password: str) -> tuple[Finding, ...]:
        """Read the catalogue once, then judge it; see `checks`."""
        return check(source, read_catalogue(source, password=password))

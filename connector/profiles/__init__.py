"""The kinds of database that can be captured, one folder each."""

from connector.contract import DatabaseKind
from connector.profiles.kind import DatabaseProfile
from connector.profiles.mariadb.profile import MariadbProfile
from connector.profiles.mysql.profile import MysqlProfile
from connector.profiles.oracle.profile import OracleProfile
from connector.profiles.postgresql.profile import PostgresqlProfile
from connector.profiles.sqlserver.profile import SqlServerProfile

__all__ = ["DatabaseProfile", "profile_of"]


def profile_of(kind: DatabaseKind) -> DatabaseProfile:
    """The profile of a kind of database."""
    match kind:
        case DatabaseKind.POSTGRESQL:
            return PostgresqlProfile()
        case DatabaseKind.MARIADB:
            return MariadbProfile()
        case DatabaseKind.MYSQL:
            return MysqlProfile()
        case DatabaseKind.SQLSERVER:
            return SqlServerProfile()
        case DatabaseKind.ORACLE:
            return OracleProfile()

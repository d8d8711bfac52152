"""The account that capture logs in by: made once, and taken back only where the preparation made it. Pure.

MariaDB has no comments on accounts. The mark is a role without rights that the account is given when it is made: it is seen in
SHOW GRANTS, is replicated and backed up with the account, and goes when that is dropped, by whomever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from connector.profiles.mariadb.names import literal, split_table

_NOTHING = "DO 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who logs in, and from where."""

    user: str
    """Its name."""
    host: str
    """From where, as MariaDB writes it (`10.1.2.%`)."""

    def __str__(self) -> str:
        """As it stands in a statement."""
        return f"{literal(self.user)}@{literal(self.host)}"

    @property
    def mark(self) -> str:
        """The role that it bears; one for each account, for only who made a role may give it to others."""
        return f"made_by_yibao_source_prepare_{sha256(f'{self.user}@{self.host.lower()}'.encode()).hexdigest()[:12]}"

    @property
    def _is(self) -> str:
        return f"User = {literal(self.user)} AND Host = lower({literal(self.host)})"

    def made(self) -> tuple[str, ...]:
        """It is made and marked where it does not stand. Cut short between the two, or not in one session, it has no mark.

        All of it stands in the log, where captures that run read it, and end at what Debezium cannot: `CREATE OR REPLACE ROLE`.
        """
        role = f"DROP ROLE IF EXISTS {self.mark}", f"CREATE ROLE {self.mark}"  # what is left of one that somebody dropped
        made = f"CREATE USER {self} ACCOUNT LOCK", *role, f"GRANT {self.mark} TO {self}"
        return (
            f"SET @new = (SELECT count(*) = 0 FROM mysql.user WHERE {self._is});",  # noqa: S608 - for a person to read, with quoted names, as all here
            *(f"EXECUTE IMMEDIATE IF(@new, {literal(one)}, {literal(_NOTHING)});" for one in made),
        )

    def unmade(self, tables: Sequence[str], revoked: Sequence[str]) -> tuple[str, ...]:
        """It is dropped where it bears the mark and has rights on no other tables; else a row says why not, and what a person does.
        All in one session.

        tables: those that it was given rights on. revoked: what takes these back.
        """
        mine = ", ".join(f"({literal(database)}, {literal(table)})" for database, table in map(split_table, tables))
        marked = f"{self._is} AND Role = {literal(self.mark)} AND Admin_option = 'N'"
        by_table = f"FROM mysql.tables_priv WHERE {self._is} AND (Db, Table_name) NOT IN ({mine})"
        others = (
            f"SELECT concat(Db, '.', Table_name) AS name {by_table} UNION SELECT concat(Db, '.*') FROM mysql.db WHERE {self._is}"  # noqa: S608
        )
        by_hand = f"What it has for capture alone, by hand: {' '.join(revoked)}"
        why = "IF(@made, concat('has rights on ', @others), 'was there before prepare')"
        left = f"{literal(f'{self} ')}, {why}, {literal(f': it is left as it is. {by_hand}')}"
        dropped = f"DROP USER {self}", f"DROP ROLE {self.mark}"
        return (
            f"SET @made = (SELECT count(*) FROM mysql.roles_mapping WHERE {marked});",  # noqa: S608
            f"SET @others = (SELECT group_concat(DISTINCT name) FROM ({others}) AS granted);",  # noqa: S608
            *(f"EXECUTE IMMEDIATE IF(@made AND @others IS NULL, {literal(one)}, {literal(_NOTHING)});" for one in dropped),
            f"SELECT concat({left}) AS left_alone FROM mysql.user WHERE {self._is};",  # noqa: S608
        )

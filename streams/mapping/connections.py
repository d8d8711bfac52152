"""The parts of `site.yaml` that say how to reach things: brokers, Kafka Connect, databases."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, model_validator

from connector.contract import DatabaseKind
from streams.domain.batch.msgid import MAX_PARTITIONS
from streams.mapping.strict import Code, Strict
from streams.mapping.values import ConnectProxy, ConnectUrl, FilePath, Form, Port, is_loopback

Servers = Annotated[str, Form(r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$", "`host:port`, or several with commas and without spaces")]
OptionName = Annotated[str, Form(r"^[a-z][a-z0-9._-]*$", "an option as Kafka names it, such as `security.protocol`")]
Identifier = Annotated[str, Form(r"^[a-z0-9_]{1,63}$", "at most 63 small letters, digits and `_`")]
_SECRET_OPTION = re.compile(r"password|jaas|secret|\.key$")


class KafkaSecurity(Strict):
    """How to reach the brokers."""

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """PLAINTEXT and SASL_PLAINTEXT are accepted on loopback, elsewhere only with `insecure`."""
    ssl_cafile: FilePath | None = None
    """Certificates of the authority that signed the brokers' certificates."""
    ssl_certfile: FilePath | None = None
    """Certificate of this client, for mutual TLS."""
    ssl_keyfile: FilePath | None = None
    """Private key of this client."""
    ssl_password_file: FilePath | None = None
    """File with the password of `ssl_keyfile`. Required where that key is encrypted: nobody is asked for it."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """Required with a SASL protocol."""
    sasl_username: str | None = None
    """Required with a SASL protocol."""
    sasl_password_file: FilePath | None = None
    """File with the password. Required with a SASL protocol."""
    insecure: bool = False
    """Allow records of patients to cross the network unencrypted."""

    @model_validator(mode="after")
    def _sasl_complete(self) -> Self:
        if self.protocol.startswith("SASL"):
            wanted = ("sasl_mechanism", "sasl_username", "sasl_password_file")
            if absent := [name for name in wanted if getattr(self, name) is None]:
                raise ValueError(f"{self.protocol} needs {', '.join(absent)}")
        if self.ssl_password_file is not None and self.ssl_certfile is None:
            raise ValueError("`ssl_password_file` opens the key of `ssl_certfile`, which is missing")
        return self


class Kafka(Strict):
    """The brokers and the topics on them."""

    bootstrap_servers: Servers
    """`host:port,host:port`."""
    security: KafkaSecurity = KafkaSecurity()
    """How to reach them."""
    topic_prefix: Annotated[str, Form(r"^[a-zA-Z0-9._-]{0,60}$", "at most 60 letters, digits, `.`, `_` and `-`")] = ""
    """Put before every topic and group; separates sites that share brokers."""
    partitions: Annotated[int, Field(ge=1, le=MAX_PARTITIONS)] = 12
    """Partitions of every stage's topic. Fixed for the life of a site: a visit lives in one partition."""
    replication_factor: Annotated[int, Field(ge=1, le=3)] = 3
    """Copies of every record. Less than 3 can lose records with a broker; 1 is for trials."""
    compression: Literal["none", "gzip", "lz4", "zstd"] = "lz4"
    """Codec of what the stages write."""

    @model_validator(mode="after")
    def _secure(self) -> Self:
        away = [server for server in self.bootstrap_servers.split(",") if not is_loopback(server.rpartition(":")[0])]
        if away and self.security.protocol.endswith("PLAINTEXT") and not self.security.insecure:
            raise ValueError(
                f"{self.security.protocol} to {away[0]} sends patients' data unencrypted; "
                "use SSL or SASL_SSL, or write `security: {insecure: true}`"
            )
        return self


class Connect(Strict):
    """The Kafka Connect cluster that runs the captures."""

    url: ConnectUrl
    """REST address; where a proxy in front has it under a path, with that path: `https://gateway.his/connect`."""
    ca_file: FilePath | None = None
    """Certificates of the authority that signed Connect's certificate. Left out: those that this machine trusts."""
    proxy: ConnectProxy | None = None
    """Proxy on the way to Connect, `http://host:port`. Never taken from the environment. No redirect is followed."""
    proxy_user: str | None = None
    """User of basic authentication at the proxy."""
    proxy_password_file: FilePath | None = None
    """File with that user's password."""
    bootstrap_servers: Servers | None = None
    """Brokers as the Connect workers reach them. Default: `kafka.bootstrap_servers`."""
    consumer: Mapping[OptionName, str] = Field(default_factory=dict)
    """Further options of the consumer that reads orders to a capture, as Kafka names them (`security.protocol`, …); it does not use
    the Connect workers' own. A secret stands in them as a reference, such as `${directory:/secrets:kafka.jaas}`."""
    heartbeat_s: Annotated[float, Field(ge=1)] = 10.0
    """How often a capture shows that it is alive."""
    user: str | None = None
    """User of basic authentication."""
    password_file: FilePath | None = None
    """File with that user's password."""
    token_file: FilePath | None = None
    """File with a bearer token, in place of `user` and `password_file`."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait for one answer; three times as long for the check of a configuration, in which Connect asks the database."""
    insecure: bool = False
    """Allow http to a host that is not this one, and a proxy's password on its way there."""
    read_only: bool = False
    """Somebody else gives orders to the connectors (Strimzi's KafkaConnector, a deployment of its own): workers restart nothing,
    and `yibao connector` only plans and looks."""

    @model_validator(mode="after")
    def _logins_complete(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            raise ValueError("`user` and `password_file` go together")
        if (self.proxy_user is None) != (self.proxy_password_file is None):
            raise ValueError("`proxy_user` and `proxy_password_file` go together")
        if self.proxy_user is not None and self.proxy is None:
            raise ValueError("`proxy_user` means nothing without `proxy`")
        if self.user is not None and self.token_file is not None:
            raise ValueError("`user` and `token_file` exclude each other: a request carries one login")
        if any(":" in (user or "") for user in (self.user, self.proxy_user)):
            raise ValueError("a user of basic authentication has no colon in its name")
        return self

    @model_validator(mode="after")
    def _secure(self) -> Self:
        parts = urlsplit(self.url)
        proxied = self.proxy is not None and not is_loopback(urlsplit(self.proxy).hostname or "")
        away = proxied or not is_loopback(parts.hostname or "")
        if parts.scheme == "http" and away and not self.insecure:
            raise ValueError("http lets everybody on the way rewrite the captures; use https, or write `insecure: true`")
        if proxied and self.proxy_user is not None and not self.insecure:
            raise ValueError("the proxy's password would go to it for everybody on the way to read; if it must, `insecure: true`")
        if secret := [name for name, value in self.consumer.items() if _SECRET_OPTION.search(name) and "${" not in value]:
            raise ValueError(
                f"`consumer` holds a secret in plain text: write {', '.join(secret)} as a reference, `${{directory:…}}`"
            )
        return self


class DatabaseSource(Strict):
    """One hospital database to capture, and its mapping."""

    kind: DatabaseKind
    """Kind of database."""
    host: str
    """Host of the database, as Connect reaches it."""
    port: Port
    """Port of the database."""
    database: str
    """Name of the database. Oracle: `CDB/PDB`, or one name where it has no containers."""
    user: str
    """Login that may read the log and the captured tables."""
    password_file: FilePath
    """File with the password, alone and without a line break, for Connect takes every byte of it; also read by the check of the
    catalogue on this machine."""
    password_reference: str | None = None
    """What Connect resolves through a config provider. Default: `${directory:<folder>:<name>}` of `password_file`."""
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    """`disable` and `require` are accepted on loopback, elsewhere only with `insecure`."""
    ca_file: FilePath | None = None
    """Certificates of the authority that signed the database's certificate, for the check of the catalogue on this machine."""
    connect_ca_file: str | None = None
    """The same, by its path where Connect runs. Default: `ca_file`. MariaDB and MySQL: a Java trust store of it (JKS)."""
    publication: Identifier = "yibao"
    """PostgreSQL: publication that the database's administrator made."""
    slot: Identifier = "yibao"
    """PostgreSQL: replication slot."""
    server_id: Annotated[int, Field(ge=1, le=2**32 - 1)] | None = None
    """MariaDB, MySQL: the number under which capture reads the log; no server and no other reader of it may have the same. Left
    out: one that is made of the source's name."""
    heartbeat_table: str | None = None
    """`schema.table` with one row that capture updates, so that a quiet database does not keep its log for ever. MariaDB and
    MySQL, here and in the mapping: `database.table`."""
    mapping: FilePath
    """The mapping file of this hospital system."""
    institutions: Annotated[tuple[Code, ...], Field(min_length=1)] | None = None
    """FIXMEDINS_CODEs of those `institutions` of the site that report from it. A row of another one is refused, like one of an
    institution that nobody registered. Left out: all."""
    distinct_numbers: Annotated[str, StringConstraints(strip_whitespace=True, min_length=5)] | None = None
    """Why no record of it can have the number of one that another source reports for the same institution: `the HIS counts from 1,
    the pharmacy from 5000000000`. Without a reason two such sources are refused where no `record_prefix` in their mappings tells
    their numbers apart: one record would overwrite the other at the platform, and nobody sees both."""
    log_room_gb: Annotated[float, Field(gt=0)] | None = None
    """Room, in GiB, that the log which the server keeps for this capture may take on its disk. Told is when it will be full. Left
    out: what the server itself keeps at the most (`max_slot_wal_keep_size`)."""
    give_up_slot: bool = False
    """Where that log fills 95 % of `log_room_gb`: drop the slot, so that the hospital's disk does not fill. What capture had not
    read is lost then, and everything must be read again; the source stops, loudly."""
    insecure: bool = False
    """Allow patients' data to cross the network unencrypted, or from a server whose certificate nobody checked."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.give_up_slot and self.log_room_gb is None:
            raise ValueError("`give_up_slot` needs `log_room_gb`: so much of the database's disk is the log's")
        return self

    @model_validator(mode="after")
    def _secure(self) -> Self:
        if self.sslmode in ("disable", "require") and not is_loopback(self.host) and not self.insecure:
            raise ValueError(
                f"sslmode {self.sslmode} to {self.host} trusts the network; use verify-full, or write `insecure: true`"
            )
        return self

    @property
    def connect_password(self) -> str:
        """The reference that a connector's configuration carries instead of a password."""
        return self.password_reference or f"${{directory:{self.password_file.parent}:{self.password_file.name}}}"

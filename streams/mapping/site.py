"""The file `site.yaml`: one reporting site: its brokers, databases, institutions, platform and limits.

Secrets never stand in it: every password is a file. Whatever is less than secure needs its own flag, so that it can be seen.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from connector.contract import DatabaseKind, Topics
from streams.mapping.mapping_file import MappingFile, Name
from streams.mapping.strict import Code, Strict
from streams.spec.dictionaries import Dictionary
from streams.spec.fields import ServiceCode

LOOPBACK = ("localhost", "127.0.0.1", "::1")

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]
Port = Annotated[int, Field(ge=1, le=65535)]
RuleLevel = Literal["off", "warn", "refuse"]
RowKind = Literal["outpatient", "inpatient", "pharmacy"]
FixmedinsCode = Annotated[str, StringConstraints(pattern=r"^[HP]\d{11}$")]
Infno = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{4}$")]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"`{name}` is no time zone; `Asia/Shanghai` is meant in China") from error
    return name


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return Path(folder) / path.expanduser() if folder is not None else path


Zone = Annotated[str, AfterValidator(_zone)]
FilePath = Annotated[Path, AfterValidator(_from_folder)]
"""A path; relative ones count from the folder of `site.yaml`."""


def _is_loopback(host: str) -> bool:
    return host.strip("[]") in LOOPBACK or host.startswith("127.")


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
        return self


class Kafka(Strict):
    """The brokers and the topics on them."""

    bootstrap_servers: Annotated[str, StringConstraints(pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$")]
    """`host:port,host:port`."""
    security: KafkaSecurity = KafkaSecurity()
    """How to reach them."""
    topic_prefix: Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9._-]{0,60}$")] = ""
    """Put before every topic and group; separates sites that share brokers."""
    partitions: Annotated[int, Field(ge=1, le=1296)] = 12
    """Partitions of every stage's topic. Fixed for the life of a site: a visit lives in one partition."""
    replication_factor: Annotated[int, Field(ge=1, le=3)] = 3
    """Copies of every record. Less than 3 can lose records with a broker; 1 is for trials."""
    compression: Literal["none", "gzip", "lz4", "zstd", "snappy"] = "lz4"
    """Codec of what the stages write."""

    @model_validator(mode="after")
    def _secure(self) -> Self:
        away = [server for server in self.bootstrap_servers.split(",") if not _is_loopback(server.rpartition(":")[0])]
        if away and self.security.protocol.endswith("PLAINTEXT") and not self.security.insecure:
            raise ValueError(
                f"{self.security.protocol} to {away[0]} sends patients' data unencrypted; "
                "use SSL or SASL_SSL, or write `security: {insecure: true}`"
            )
        return self


class Connect(Strict):
    """The Kafka Connect cluster that runs the captures."""

    url: Url
    """REST address."""
    user: str | None = None
    """User of basic authentication."""
    password_file: FilePath | None = None
    """File with that user's password."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait for one answer."""
    insecure: bool = False
    """Allow http to a host that is not this one."""

    @model_validator(mode="after")
    def _secure(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not _is_loopback(parts.hostname or "") and not self.insecure:
            raise ValueError("http lets everybody on the way rewrite the captures; use https, or write `insecure: true`")
        if (self.user is None) != (self.password_file is None):
            raise ValueError("`user` and `password_file` go together")
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
    """Name of the database."""
    user: str
    """Login with REPLICATION and SELECT on the captured tables."""
    password_file: FilePath
    """File with the password; read by the check of the catalogue on this machine."""
    password_reference: str | None = None
    """What Connect resolves through a config provider. Default: `${directory:<folder>:<name>}` of `password_file`."""
    sslmode: Literal["disable", "require", "verify-ca", "verify-full"] = "verify-full"
    """`disable` and `require` are accepted on loopback, elsewhere only with `insecure`."""
    ca_file: FilePath | None = None
    """Certificates of the authority that signed the database's certificate, for the check of the catalogue on this machine."""
    connect_ca_file: str | None = None
    """The same, by its path where Connect runs. Default: `ca_file`."""
    publication: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,63}$")] = "yibao"
    """PostgreSQL: publication that the database's administrator made."""
    slot: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,63}$")] = "yibao"
    """PostgreSQL: replication slot."""
    heartbeat_table: str | None = None
    """`schema.table` with one row that capture updates, so that a quiet database does not keep its log for ever."""
    mapping: FilePath
    """The mapping file of this hospital system."""
    insecure: bool = False
    """Allow patients' data to cross the network unencrypted or from a server whose name was not checked."""

    @model_validator(mode="after")
    def _secure(self) -> Self:
        if self.sslmode in ("disable", "require") and not _is_loopback(self.host) and not self.insecure:
            raise ValueError(
                f"sslmode {self.sslmode} to {self.host} trusts the network; use verify-full, or write `insecure: true`"
            )
        return self

    @property
    def connect_password(self) -> str:
        """The reference that a connector's configuration carries instead of a password."""
        return self.password_reference or f"${{directory:{self.password_file.parent}:{self.password_file.name}}}"


class Institution(Strict):
    """One institution that reports."""

    code: FixmedinsCode
    """FIXMEDINS_CODE: H (hospital) or P (pharmacy), 6 digits of area, 5 of serial number."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """FIXMEDINS_NAME; the envelope allows 100 characters."""
    his_codes: tuple[Code, ...] = ()
    """Values by which rows of the hospital's databases name this institution, besides `code`."""
    public_key_file: FilePath | None = None
    """SM2 public key that the platform issued for this institution. Required while `platform.encrypt` is on."""
    area: Annotated[str, StringConstraints(pattern=r"^\d{6}$")] | None = None
    """FIX_BLNG_ADMDVS; default: the 6 digits of `code`."""
    level: Code | None = None
    """HOSP_LV."""
    values: Mapping[Name, Code] = Field(default_factory=dict)
    """Further values that mappings read as `{institution: value.NAME}`."""

    @property
    def kind(self) -> Literal["hospital", "pharmacy"]:
        """Hospital or pharmacy, by the letter of the code."""
        return "hospital" if self.code.startswith("H") else "pharmacy"


class SealEncoding(Strict):
    """How the platform wants SM2 ciphertext. `yibao keys sample` prints one in all eight forms."""

    order: Literal["C1C3C2", "C1C2C3"] = "C1C3C2"
    """Order of point, digest and cipher."""
    prefix: bool = True
    """Whether the point starts with 04."""
    text: Literal["hex", "base64"] = "hex"
    """How the bytes are written. Base64 carries half as many rows again."""


class InFlight(Strict):
    """Requests that may be under way at once."""

    total: Annotated[int, Field(ge=1)] = 12
    """To the platform in all."""
    per_institution: Annotated[int, Field(ge=1)] = 4
    """For one institution."""


class Platform(Strict):
    """The supervision platform."""

    url: Url
    """Address up to, but without, `/metadata/receive/`."""
    encrypt: bool = True
    """Seal `data` with SM2. Switching it off needs `insecure` unless the platform is on this host."""
    insecure: bool = False
    """Allow plain patients' data to leave this host."""
    encoding: SealEncoding = SealEncoding()
    """Form of the ciphertext."""
    max_chars: Annotated[int, Field(ge=1000)] = 50_000
    """Longest `data` in characters after encryption (interface §3.2.1)."""
    max_rows: Annotated[int, Field(ge=1, le=1000)] = 100
    """Most rows of one request (guide: 100)."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait for one answer; afterwards its outcome is unknown and the same bytes go again."""
    in_flight: InFlight = InFlight()
    """Requests under way at once."""
    rate_per_s: Annotated[float, Field(gt=0)] | None = None
    """Most requests a second from one worker. Left out: no limit."""
    infno: Mapping[ServiceCode, Mapping[RowKind, Infno]] = Field(default_factory=dict)
    """Envelope's `infno` by service and kind of row, where the platform wants other than the national codes."""
    blank: Literal["omit", "empty"] = "omit"
    """Optional fields without a value: left out, or sent as empty text."""

    @model_validator(mode="after")
    def _secure(self) -> Self:
        host = urlsplit(self.url).hostname or ""
        if not self.encrypt and not _is_loopback(host) and not self.insecure:
            raise ValueError(f"plain patients' data would go to {host}; leave `encrypt: true`, or write `insecure: true`")
        return self


class BatchSettings(Strict):
    """How records are gathered for delivery."""

    max_records: Annotated[int, Field(ge=1, le=1000)] = 500
    """Most records of one plan."""
    linger_s: Annotated[float, Field(ge=0)] = 0.2
    """Longest wait for more records before a plan is made."""


class JoinSettings(Strict):
    """How the join waits for the parts of a visit."""

    wait_s: Annotated[int, Field(ge=1)] = 900
    """A settlement waits so long for its visit, and a fee line for a settlement that it names."""
    unsettled_wait_s: Annotated[int, Field(ge=1)] = 60 * 86_400
    """A fee line of a visit without settlement waits so long (60 days)."""
    tick_s: Annotated[float, Field(gt=0)] = 5.0
    """How often waiting parts are looked at."""
    linger_s: Annotated[float, Field(ge=0)] = 0.1
    """Longest wait for more changes before a transaction."""
    max_chunk: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Most changes of one transaction."""


class FloodGuard(Strict):
    """When refusals are so many that the fault must be ours: the lane is held instead of emptying it into the dead letters."""

    ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of a plan's records that is refused."""
    min_refused: Annotated[int, Field(ge=1)] = 20
    """Fewer refusals than this never hold a lane."""


class RetryDelays(Strict):
    """Waiting between attempts whose outcome is unknown, with full jitter."""

    min_s: Annotated[float, Field(gt=0)] = 0.2
    """Longest first wait."""
    max_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest wait of all."""


class Breaker(Strict):
    """When attempts stop because nothing gets through."""

    failures: Annotated[int, Field(ge=1)] = 5
    """Failures in a row that open it."""
    probe_s: Annotated[float, Field(gt=0)] = 5.0
    """Wait before one request tries again."""


class DeliverSettings(Strict):
    """How the deliver stage reacts to the platform."""

    flood_guard: FloodGuard = FloodGuard()
    """Against emptying a hospital into the dead letters."""
    retry: RetryDelays = RetryDelays()
    """After an unknown outcome."""
    breaker: Breaker = Breaker()
    """After many of them."""
    held_probe_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait between probes of a lane that is held by configuration, key or authorisation."""


class RuleOptions(Strict):
    """What the platforms read differently."""

    price_decimals: Annotated[int, Field(ge=0, le=6)] | None = None
    """R1: round the price to so many decimals before it is multiplied (guide: 3). Left out: as it is."""
    fund_includes_account: bool = False
    """R5: FUND_PAY_SUMAMT contains ACCT_PAY."""


class Retention(Strict):
    """How long the topics keep records, in days."""

    changes_days: Annotated[int, Field(ge=1)] = 14
    """Rows as captured."""
    ready_days: Annotated[int, Field(ge=1)] = 14
    """Records to deliver."""
    receipts_days: Annotated[int, Field(ge=1)] = 400
    """Receipts: the ledger."""
    dead_days: Annotated[int, Field(ge=1)] = 400
    """Dead letters."""
    control_days: Annotated[int, Field(ge=1)] = 400
    """Orders of operators."""


class Workers(Strict):
    """The processes that run the stages."""

    home: FilePath = Field(default=Path(".yibao"), validate_default=True)
    """Folder for what a worker keeps on this machine."""
    host: str = "127.0.0.1"
    """Address on which health and metrics are served."""
    join_port: Port = 9401
    """Health and metrics of the join stage."""
    deliver_port: Port = 9402
    """Health and metrics of the deliver stage."""


class SiteFile(Strict):
    """One reporting site."""

    site: Name
    """Name of the site; appears in client ids."""
    timezone: Zone = "Asia/Shanghai"
    """Zone in which instants are shown."""
    kafka: Kafka
    """Brokers and topics."""
    connect: Connect
    """Kafka Connect."""
    sources: Annotated[Mapping[Name, DatabaseSource], Field(min_length=1)]
    """Databases to capture, by name. The name is Debezium's topic prefix: never change it after the first capture."""
    institutions: Annotated[tuple[Institution, ...], Field(min_length=1)]
    """Institutions that report."""
    platform: Platform
    """Where records go."""
    batch: BatchSettings = BatchSettings()
    """Gathering for delivery."""
    join: JoinSettings = JoinSettings()
    """Waiting for parts."""
    deliver: DeliverSettings = DeliverSettings()
    """Reacting to the platform."""
    rules: Mapping[str, RuleLevel] = Field(default_factory=dict)
    """Levels of data-quality rules that differ from the default: rule id: off, warn or refuse."""
    rule_options: RuleOptions = RuleOptions()
    """Readings of rules that differ between platforms."""
    dictionaries: FilePath | None = None
    """JSON file with value lists that replace or add to the built-in ones, whole list for whole list."""
    retention: Retention = Retention()
    """How long topics keep records."""
    workers: Workers = Field(default=Workers(), validate_default=True)
    """Processes of the stages."""


class Site(SiteFile):
    """A site with everything its file names read in. Made by `streams.mapping.load_site`."""

    file: Path
    """The file it was read from."""
    mappings: Mapping[str, MappingFile]
    """Mapping of each source, by source name."""
    value_lists: Mapping[str, Dictionary]
    """The interface's dictionaries, by field name."""

    @property
    def topics(self) -> Topics:
        """Names of the topics."""
        return Topics(prefix=self.kafka.topic_prefix)

    def institution(self, code: str) -> Institution | None:
        """The institution with this FIXMEDINS_CODE."""
        return next((institution for institution in self.institutions if institution.code == code), None)

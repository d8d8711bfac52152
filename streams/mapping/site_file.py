"""The file `site.yaml`: one reporting site: its brokers, databases, institutions, platform and limits.

Secrets never stand in it: every password is a file. Whatever is less than secure needs its own flag, so that it can be seen.

A whole example, as a hospital group has it; what is left out has the default that the tables below name:

```yaml
site: first-hospital

kafka:
  bootstrap_servers: kafka-1.his:9093,kafka-2.his:9093,kafka-3.his:9093
  security:
    protocol: SASL_SSL
    ssl_cafile: tls/kafka-ca.pem     # relative paths count from the folder of this file
    sasl_mechanism: SCRAM-SHA-512
    sasl_username: yibao
    sasl_password_file: secrets/kafka.password

connect:
  url: https://connect.his:8443
  ca_file: tls/connect-ca.pem
  user: yibao
  password_file: secrets/connect.password
  consumer:                          # how a capture's own consumer reaches the brokers
    security.protocol: SASL_SSL
    sasl.mechanism: SCRAM-SHA-512
    sasl.jaas.config: ${directory:/secrets:kafka.jaas}
    ssl.truststore.type: PEM
    ssl.truststore.location: /tls/kafka-ca.pem

sources:
  his:                               # Debezium's topic prefix: never change it
    kind: postgresql
    host: db.his
    port: 5432
    database: his
    user: yibao_capture
    password_file: secrets/his.password
    password_reference: ${directory:/secrets:his.password}    # the same file as the Connect workers see it
    ca_file: tls/db-ca.pem
    connect_ca_file: /tls/db-ca.pem
    publication: yibao_his
    slot: yibao_his
    heartbeat_table: cdc.heartbeat
    mapping: mapping.yaml
    institutions: [H36110200001]     # those whose rows report from it; left out: all
    distinct_numbers: the HIS counts from 1, the pharmacy from 5000000000   # beside a source with which it shares institutions

institutions:
  - code: H36110200001
    name: 示例市第一人民医院
    his_codes: [10]                  # how the database's rows name it
    public_key_file: keys/H36110200001.pub
    level: 02

platform:
  url: https://platform.example/fsp
  msgid_memory_s: 72000              # it promises to remember a msgid for a day
  answers: {code: infcode, accepted: [0], refused: [-1]}    # it answers as the national interface does

rules: {R15: off, R23: refuse}       # levels that differ from the default
```
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from connector.contract import Topics
from streams.domain.validate.rules import RuleLevel
from streams.mapping.capturing import CaptureSettings
from streams.mapping.connections import Connect, DatabaseSource, Kafka
from streams.mapping.doctoring import DoctorSettings
from streams.mapping.mapping_file import MappingFile
from streams.mapping.names import Name
from streams.mapping.notifying import NotifySettings
from streams.mapping.pacing import BatchSettings, DeliverSettings, JoinSettings, PlaceSettings, Retention, RuleOptions, Workers
from streams.mapping.replaying import ReplaySettings
from streams.mapping.reporting import Institution, Platform
from streams.mapping.strict import Strict
from streams.mapping.values import FilePath, Zone
from streams.mapping.watching import LagSettings
from streams.spec.dictionaries import Dictionary


class SiteFile(Strict):
    """One reporting site."""

    site: Name
    """Name of the site, which no other site of the group has. Its topics are bound to it, with `kafka.topic_prefix`,
    `platform.url` and the addresses in `sources`: a worker with another value of one of them is refused (docs/operations.md).
    Appears in client ids."""
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
    place: PlaceSettings = PlaceSettings()
    """Handing rows to the partitions of their visits."""
    join: JoinSettings = JoinSettings()
    """Waiting for parts."""
    deliver: DeliverSettings = DeliverSettings()
    """Reacting to the platform."""
    replay: ReplaySettings = ReplaySettings()
    """Trying dead letters again."""
    lag: LagSettings = LagSettings()
    """How far behind the stages may be."""
    notify: NotifySettings = NotifySettings()
    """Who is told of alerts where there is no Prometheus."""
    capture: CaptureSettings = CaptureSettings()
    """Watching over the captures."""
    doctor: DoctorSettings = DoctorSettings()
    """What `yibao doctor` holds the site against."""
    rules: Mapping[str, RuleLevel] = Field(default_factory=dict)
    """Levels of data-quality rules that differ from the default: rule id: off, warn or refuse."""
    rule_options: RuleOptions = RuleOptions()
    """Readings of rules that differ between platforms."""
    dictionaries: FilePath | None = None
    """JSON file with value lists that replace or add to the built-in ones, whole list for whole list. `yibao dictionaries import`
    writes the platform's download into it."""
    retention: Retention = Retention()
    """How long topics keep records."""
    workers: Workers = Field(default=Workers().model_dump(), validate_default=True)  # a ready one would not know the folder
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

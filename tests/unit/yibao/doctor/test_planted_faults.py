"""`yibao doctor` finds what is planted: each fault as facts that real parts gave, with the one thing changed that is wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connector.answers import ConnectorStatus, TaskStatus
from connector.contract import CaptureSource, DatabaseKind
from connector.room import KeptLog, Room
from streams.errors import Unreachable
from streams.platform_wiring import SharedKey
from streams.topics.cluster import BrokerFacts, Cluster, PartitionFacts, Quota
from streams.topics.shapes import LiveTopic, TopicSpec, compare
from yibao.doctor.brokers import of_cluster, of_internal, of_retention, of_topics
from yibao.doctor.captures import ConnectFacts, of_capture, of_connect, of_heartbeat
from yibao.doctor.checks import CHECKS, Told, warns
from yibao.doctor.clocks import of_clock, of_machine
from yibao.doctor.databases import of_room
from yibao.doctor.disks import DiskFacts, of_disks
from yibao.doctor.keys import FileFacts, KeyFacts, of_files, of_keys
from yibao.doctor.looks import Part, look
from yibao.doctor.needs import Needs
from yibao.doctor.platforms import WayFacts, of_way
from yibao.doctor.workers import of_workers
from yibao.lag.stages import StageLag
from yibao.monitored import Seen
from yibao.processes import Process

HERE = datetime(2026, 11, 30, 6, 19, 33, tzinfo=UTC)
SHANGHAI = "Asia/Shanghai"
GIB = 1 << 30

SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.POSTGRESQL,
    host="127.0.0.1",
    port=26432,
    database="his",
    user="yibao_capture",
    password_file="secrets/his.password",
    password_reference="${directory:/secrets:his.password}",
    sslmode="disable",
    publication="yibao_his",
    slot="yibao_his",
    heartbeat_table="cdc.heartbeat",
    tables=(),
)
KEPT = KeptLog(bytes=328, most=4 * GIB, status="reserved", active=True, position=28757648)
ROOM = Room(free_senders=7, max_senders=8, kept=KEPT, log=28757784, now=HERE.astimezone(tz=None).astimezone(UTC), zone=SHANGHAI)
BROKER = BrokerFacts(
    number=1,
    address="127.0.0.1:29192",
    closed="",
    settings={"offsets.retention.minutes": "129600", "transaction.max.timeout.ms": "900000"},
)
COPY = PartitionFacts(topic="visit.dead", number=1, leader=1, copies=3, in_sync=3)
CLUSTER = Cluster(
    id="yNsXL8f8K_00fkWpYdDeMQ",
    brokers=[replace(BROKER, number=number) for number in (1, 2, 3)],
    metadata_level=29,
    quotas=[],
    partitions=[COPY],
)
NEEDS = Needs(
    servers="127.0.0.1:29192",
    copies=3,
    outage_h=72,
    clients="yibao-sample",
    user="yibao",
    certificate_days=30,
    key_days=1095,
    probe="off",
)
READY = LiveTopic(
    name="visit.ready",
    partitions=12,
    replication_factor=3,
    configs={"cleanup.policy": "delete", "retention.ms": "1209600000", "retention.bytes": "-1"},
)
SPEC = TopicSpec(name="visit.ready", partitions=12, replication_factor=3, configs=READY.configs)
CONNECT = ConnectFacts(url="http://127.0.0.1:28183", cluster=CLUSTER.id, let_in_at=())
TASK = TaskStatus(number=0, state="RUNNING", worker="127.0.0.1:28183", trace=None)
STATUS = ConnectorStatus(connector="capture-his", state="RUNNING", worker="127.0.0.1:28183", trace=None, tasks=(TASK,))
WAY = WayFacts(to="platform.example:443", valid_until=HERE + timedelta(days=90), status=404, there=HERE, here=HERE)
KEY = KeyFacts(institution="H36110200001", file=Path("keys/H.pub"), problem="", changed=HERE - timedelta(days=30))
SECRET = FileFacts(path=Path("secrets/his.password"), mode=0o640, is_folder=False)
DISK = DiskFacts(purpose="workers.home", folder=Path("/var/lib/yibao"), free=40 * GIB, total=100 * GIB, writable=True)
LAG = StageLag(stage="join", source=None, waiting=0, workers=1)
HANGS = Seen(worker="join-0", address="", state="silent", process=Process(pid=4711, started=1))


def room(**changed):
    told = replace(ROOM, now=HERE.astimezone(tz=timezone_of(SHANGHAI)))
    return of_room(SOURCE, replace(told, **changed), zone=SHANGHAI, here=HERE)


def timezone_of(name):
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - of this one line

    return ZoneInfo(name)


def cluster(**changed):
    return of_cluster(replace(CLUSTER, **changed), NEEDS)


def broker(**changed):
    return cluster(brokers=[*CLUSTER.brokers[:2], replace(CLUSTER.brokers[2], **changed)])


def settings(**changed):
    return broker(settings={**BROKER.settings, **{name.replace("_", "."): value for name, value in changed.items()}})


def ready(**changed):
    configs = READY.configs | {name.replace("_", "."): value for name, value in changed.items()}
    return of_retention({"visit.ready": replace(READY, configs=configs)}, ["visit.ready"], NEEDS)


def topics(live):
    return of_topics(compare([SPEC], live))


def way(**changed):
    return of_way(replace(WAY, **changed), now=HERE, days=30)


def keys(*, shared=(), days=1095, **changed):
    return of_keys([replace(KEY, **changed)], shared, now=HERE, days=days)


WELL = {
    "database": room,
    "cluster": cluster,
    "topics": lambda: topics({"visit.ready": READY}),
    "retention": ready,
    "connect": lambda: of_connect(CONNECT, cluster=CLUSTER.id),
    "capture": lambda: of_capture(SOURCE, STATUS, connector="capture-his"),
    "heartbeat": lambda: of_heartbeat(SOURCE, 8.0, silent_s=60),
    "way": way,
    "keys": keys,
    "files": lambda: of_files([SECRET, FileFacts(path=Path("keys"), mode=0o755, is_folder=True)]),
    "disks": lambda: of_disks([DISK]),
    "clock": lambda: [*of_clock("platform", HERE, here=HERE), *of_machine(synchronised=True), *of_machine(synchronised=None)],
    "workers": lambda: of_workers([LAG], HERE),
    "another's quota": lambda: cluster(quotas=[Quota(entity={"client-id": "billing"}, values={"producer_byte_rate": 1.0})]),
}

PLANTED = {
    "all senders taken": ("database.senders", True, "max_wal_senders = 12", lambda: room(free_senders=0, kept=None)),
    "slot near its end": ("database.log", False, "3.0 GiB", lambda: room(kept=replace(KEPT, bytes=3 * GIB))),
    "slot unreserved": ("database.log", True, "next checkpoint", lambda: room(kept=replace(KEPT, status="unreserved"))),
    "log without a bound": ("database.log", False, "nothing bounds", lambda: room(kept=replace(KEPT, bytes=20 * GIB, most=None))),
    "server in another zone": ("database.zone", False, "SET timezone = 'Asia/Shanghai'", lambda: room(now=HERE, zone="UTC")),
    "database's clock ahead": (
        "clock.others",
        False,
        "40 s ahead of",
        lambda: room(now=(HERE + timedelta(seconds=40)).astimezone(timezone_of(SHANGHAI))),
    ),
    "address from inside": (
        "kafka.brokers",
        True,
        "advertised.listeners",
        lambda: broker(address="kafka-3:9092", closed="no name"),
    ),
    "broker away": ("kafka.brokers", True, "start the others", lambda: cluster(brokers=CLUSTER.brokers[:2])),
    "release of KAFKA-20734": ("kafka.release", False, "KAFKA-20734", lambda: cluster(metadata_level=30)),
    "no leader": ("kafka.copies", True, "no leader", lambda: cluster(partitions=[replace(COPY, leader=-1, in_sync=0)])),
    "copy behind": ("kafka.copies", False, "fewer complete", lambda: cluster(partitions=[replace(COPY, in_sync=1)])),
    "offsets forgotten in a day": ("kafka.offsets", True, "1.0 days", lambda: settings(offsets_retention_minutes="1440")),
    "transactions of 5 minutes": ("kafka.transactions", False, "300000", lambda: settings(transaction_max_timeout_ms="300000")),
    "transactions of 10 seconds": ("kafka.transactions", True, "minute", lambda: settings(transaction_max_timeout_ms="10000")),
    "quota on us": (
        "kafka.quotas",
        False,
        "--delete-config producer_byte_rate",
        lambda: cluster(quotas=[Quota(entity={"client-id": "yibao-sample-join-0"}, values={"producer_byte_rate": 1.0})]),
    ),
    "quota on everybody": (
        "kafka.quotas",
        False,
        "--entity-default",
        lambda: cluster(quotas=[Quota(entity={"user": ""}, values={"request_percentage": 5.0})]),
    ),
    "topic missing": ("kafka.topics", True, "yibao topics apply", lambda: topics({})),
    "topic compacted": (
        "kafka.topics",
        True,
        "cleanup.policy=delete",
        lambda: topics({"visit.ready": replace(READY, configs={**READY.configs, "cleanup.policy": "compact"})}),
    ),
    "topic drifted": (
        "kafka.topics",
        False,
        "retention.ms=1209600000",
        lambda: topics({"visit.ready": replace(READY, configs={**READY.configs, "retention.ms": "1209600001"})}),
    ),
    "records for a day": ("kafka.retention", True, "retention.ms=1036800000", lambda: ready(retention_ms="86400000")),
    "records by size": ("kafka.retention", True, "retention.bytes=-1", lambda: ready(retention_bytes="1000000")),
    "one copy of offsets": (
        "kafka.internal",
        False,
        "kafka-reassign",
        lambda: of_internal(["__consumer_offsets has 1 of 3 copies: while one broker is away. kafka-reassign-partitions.sh …"]),
    ),
    "Connect open": (
        "connect.open",
        False,
        "listeners=http://127.0.0.1",
        lambda: of_connect(replace(CONNECT, let_in_at=("10.0.0.7:8083",)), cluster=""),
    ),
    "Connect of other brokers": (
        "connect.brokers",
        True,
        "another",
        lambda: of_connect(replace(CONNECT, cluster="another"), cluster=CLUSTER.id),
    ),
    "no connector": (
        "connect.capture",
        True,
        "connector apply --source his",
        lambda: of_capture(SOURCE, None, connector="capture-his"),
    ),
    "task without a slot": (
        "connect.capture",
        True,
        "connector forget his",
        lambda: of_capture(
            SOURCE,
            replace(STATUS, tasks=(replace(TASK, state="FAILED", trace='replication slot "yibao_his" does not exist'),)),
            connector="capture-his",
        ),
    ),
    "stopped": (
        "connect.capture",
        True,
        "connector resume his",
        lambda: of_capture(SOURCE, replace(STATUS, state="STOPPED", tasks=()), connector="capture-his"),
    ),
    "RUNNING and silent": ("connect.heartbeat", True, "restart his --all", lambda: of_heartbeat(SOURCE, 600.0, silent_s=60)),
    "name unknown": ("platform.name", True, "resolv.conf", lambda: way(unknown="Name or service not known")),
    "closed by a firewall": ("platform.reach", True, "firewall", lambda: way(closed="timed out")),
    "proxy refuses": ("platform.reach", True, "403", lambda: way(refused="HTTP 403 Forbidden")),
    "authority unknown": ("platform.tls", True, "platform.ca_file", lambda: way(tls="unable to get local issuer certificate")),
    "certificate ends": ("tls.certificate", False, "renewed", lambda: way(valid_until=HERE + timedelta(days=10))),
    "platform says 503": ("platform.answer", False, "503", lambda: way(status=503)),
    "platform's clock": ("clock.others", True, "400 s behind", lambda: way(there=HERE - timedelta(seconds=400))),
    "key is none": ("keys.public", True, "yibao keys check", lambda: keys(problem="no key")),
    "pair of strangers": ("keys.pair", False, "fingerprints", lambda: keys(stranger=Path("keys/H.private.pem"))),
    "key pasted twice": (
        "keys.shared",
        False,
        "pasted twice",
        lambda: keys(shared=[SharedKey(fingerprint="ab", institutions=("H1", "H2"))]),
    ),
    "old key": ("keys.age", False, "1200 days", lambda: keys(changed=HERE - timedelta(days=1200))),
    "password for everybody": ("keys.modes", False, "chmod u=rw,g=r,o=", lambda: of_files([replace(SECRET, mode=0o644)])),
    "folder for everybody": (
        "keys.modes",
        False,
        "chmod go-w",
        lambda: of_files([FileFacts(path=Path("keys"), mode=0o777, is_folder=True)]),
    ),
    "disk full": ("disk.room", True, "76", lambda: of_disks([replace(DISK, free=1 << 20)])),
    "disk nearly full": ("disk.room", False, "4.0 GiB", lambda: of_disks([replace(DISK, free=4 * GIB)])),
    "disk of root": ("disk.access", True, "account", lambda: of_disks([replace(DISK, writable=False)])),
    "no time server": ("clock.machine", False, "chronyd", lambda: of_machine(synchronised=False)),
    "a join that hangs": ("workers.stuck", True, "kill -9 4711", lambda: of_workers([replace(LAG, workers=0)], HERE, [HANGS])),
    "no join": ("workers.present", True, "yibao worker join", lambda: of_workers([replace(LAG, workers=0, waiting=7)], HERE)),
}


@pytest.mark.parametrize("part", WELL)
def test_what_is_well_is_not_told(part):
    """A doctor that always finds something is not asked again."""
    assert [] == list(WELL[part]())


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_and_says_what_mends_it(fault):
    """By its check, with its weight; the words that mend it are those of this fault, and nothing else is told."""
    check, blocking, words, judged = PLANTED[fault]

    (told,) = judged()

    assert (check, blocking) == (told.check, told.blocks)
    assert words in f"{told.finding.what} {told.finding.mend}"
    assert told.finding.where
    assert told.finding.mend


def test_every_check_of_the_table_has_its_id_once():
    """A finding of a check that the table does not know could not be looked up."""
    with pytest.raises(KeyError):
        warns("kafka.moon", "moon", "is full", "wait")
    assert {check.partition(".")[0] for check in CHECKS} >= {"database", "kafka", "connect", "platform", "keys", "disk", "clock"}


def test_a_part_that_does_not_answer_is_a_finding_and_the_rest_is_looked_at():
    """The night when Kafka is away is the one on which the rest must be known."""

    def away():
        yield warns("disk.room", "/", "is nearly full", "du")
        raise ConnectionError

    parts = [
        Part(name="Kafka", reach="kafka.reach", look=away),
        Part(name="disks", reach="doctor.looked", look=lambda: of_disks([replace(DISK, free=1)])),
    ]

    first, second = look(parts)

    assert ["disk.room", "doctor.looked"] == [told.check for told in first.told]
    assert ["disk.room"] == [told.check for told in second.told]
    assert isinstance(second.told[0], Told)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("Kafka", "Kafka at b:9092 does not answer (NoBrokersAvailable)"),
        ("Kafka Connect", "Kafka Connect at http://c:8083 does not answer (TimeoutError)"),
        ("binding", "binding: Kafka at b:9092 does not answer (NoBrokersAvailable)"),
    ],
)
def test_who_does_not_answer_is_named_once(part, text):
    """`Kafka Kafka at …` is read twice, and the address not at all."""

    def away():
        raise Unreachable(f"{text.removeprefix('binding: ')}; start it")

    [[told]] = [one.told for one in look([Part(name=part, reach="kafka.reach", look=away)])]
    assert (text, "start it") == (f"{told.finding.where} {told.finding.what}", told.finding.mend)

"""The inside of Faust and aiokafka that we lean on: a release that renames it must fail here, not in a hospital."""
# ruff: noqa: ARG005, ASYNC109 - toys have the signatures of what they stand for

import asyncio
import inspect
from types import SimpleNamespace

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.structs import OffsetAndMetadata
from aiokafka.structs import TopicPartition as KafkaPartition
from faust.transport.consumer import Consumer as FaustConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.supervisors import CrashingSupervisor

from streams.agents import engine
from streams.agents.connection import AppSettings, credentials
from streams.errors import Fatal, Misconfigured
from streams.lanes.assignment import Assignment
from streams.lanes.exits import Exit
from streams.lanes.pinned import PINNED, require_versions
from streams.lanes.ports import TopicPartition
from streams.testing import Deaths
from tests.patience import PATIENCE_S
from tests.settings import broker_settings

TOPIC = "visit.changes"


def make_app(tmp_path, lanes=None, deaths=None):
    settings = AppSettings(group="g", client_id="c", broker=broker_settings("127.0.0.1:1"), home=tmp_path)
    return engine.LaneApp(settings, lanes or Assignment([TOPIC], lambda at, generation: None), die=deaths or Deaths())


@pytest.fixture
async def app(tmp_path):
    return make_app(tmp_path)


@pytest.mark.parametrize(("beside", "closed"), [("deliver-0", 0o700), ("site.yaml", 0o755)])
async def test_a_workers_folder_is_closed_and_so_is_that_of_all_workers_where_it_is_ours_alone(tmp_path, beside, closed):
    """It holds what patients' records held. `workers.home` may also be a volume, or the folder of a site with other files in it."""
    home = tmp_path / "home" / "join-0"
    (home / "state").mkdir(parents=True)
    (tmp_path / "home" / beside).mkdir()
    for folder in (home.parent, home, home / "state"):
        folder.chmod(0o755)
    make_app(home)
    assert [closed, 0o700, 0o700] == [folder.stat().st_mode & 0o777 for folder in (home.parent, home, home / "state")]


@pytest.fixture
async def consumer(app):
    """A consumer without a broker."""
    made = engine.ListConsumer(app.transport, callback=nothing, on_partitions_revoked=nothing, on_partitions_assigned=nothing)
    yield made
    made._thread.thread_loop.close()


async def nothing(*_args):
    """A callback that does nothing."""


def test_a_worker_whose_folder_cannot_be_made_says_so(tmp_path):
    """A full disk or a wrong folder is a thing that a person can mend, if told; a trace of ours tells nobody."""
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match=r"cannot be made \(Not a directory\).*--home"):
        make_app(tmp_path / "file" / "join-0")


def test_only_the_pinned_versions_start():
    """The next release may do something else under the same names."""
    require_versions()
    with pytest.raises(Fatal, match=r"pip install aiokafka==0\.14\.0"):
        require_versions({**PINNED, "aiokafka": "0.15.0"}.__getitem__)


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (FaustConsumer, "commit", ("self", "topics", "start_new_transaction")),
        (FaustConsumer, "_add_gap", ("self", "tp", "offset_from", "offset_to")),
        (FaustConsumer, "_drain_messages", ("self", "fetcher")),
        (FaustConsumer, "_wait_next_records", ("self", "timeout")),
        (FaustConsumer, "_get_active_partitions", ("self",)),
        (FaustConsumer, "perform_seek", ("self",)),
        (FaustConsumer, "on_buffer_full", ("self", "tp")),
        (FaustConsumer, "on_buffer_drop", ("self", "tp")),
        (driver.Consumer, "_new_consumer_thread", ("self",)),
        (driver.Consumer, "verify_event_path", ("self", "now", "tp")),
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ("self", "transport")),
        (driver.AIOKafkaConsumerThread, "seek_to_committed", ("self",)),
        (faust.App, "_on_partitions_revoked", ("self", "revoked")),
        (faust.App, "_on_partitions_assigned", ("self", "assigned", "generation_id")),
        (faust.App, "_stop_consumer", ("self",)),
        (faust.Worker, "_setproctitle", ("self", "info", "ident")),
        (Fetcher, "seek_to", ("self", "tp", "offset")),
        (GroupCoordinator, "fetch_committed_offsets", ("self", "partitions")),
    ],
)
def test_what_we_override_or_call_is_still_there(owner, name, parameters):
    """An override of a name that nobody calls any more is silent."""
    assert parameters == tuple(inspect.signature(getattr(owner, name)).parameters)


async def test_faust_commits_nothing(consumer):
    """Its commit follows acknowledgements, which it gives also for what failed."""
    consumer._acked[TP(TOPIC, 0)] = [0, 1, 2]
    assert await consumer.commit() is False
    assert [0, 1, 2] == consumer._acked[TP(TOPIC, 0)]


async def test_gaps_are_not_kept(consumer):
    """Every transaction leaves one, and the book of them is quadratic."""
    await consumer._add_gap(TP(TOPIC, 0), 5, 7)
    assert not consumer._gap[TP(TOPIC, 0)]


async def test_one_fetch_becomes_one_event_per_partition(app, consumer):
    """Per-record work in the framework costs more than encrypting the record."""
    handed = []

    async def take(message):
        handed.append((message.tp, message.value, message.generation_id))

    records = [SimpleNamespace(offset=7, timestamp=1, timestamp_type=0), SimpleNamespace(offset=8, timestamp=2, timestamp_type=0)]

    async def fetched(timeout):
        return {TP(TOPIC, 1): records, TP(TOPIC, 2): []}, None

    app.consumer_generation_id = 4
    consumer.callback, consumer._wait_next_records = take, fetched
    await consumer._hand_over()
    assert [(TP(TOPIC, 1), records, 4)] == handed
    assert 8 == consumer._read_offset[TP(TOPIC, 1)]


async def test_records_of_an_older_generation_are_not_handed_over(app, consumer):
    """They would meet the lanes of the new assignment."""
    handed = []
    app.consumer_generation_id = 4

    async def take(message):
        handed.append(message.tp)
        app.consumer_generation_id = 5

    record = SimpleNamespace(offset=7, timestamp=1, timestamp_type=0)

    async def fetched(timeout):
        return {TP(TOPIC, 1): [record], TP(TOPIC, 2): [record]}, None

    consumer.callback, consumer._wait_next_records = take, fetched
    await consumer._hand_over()
    assert [TP(TOPIC, 1)] == handed


async def test_the_consumer_reads_committed_messages_and_has_the_sure_assignor(app, consumer):
    """Faust itself would read what an aborted transaction left."""
    thread = consumer._thread
    made = thread._create_worker_consumer(app.transport)
    assert "read_committed" == made._isolation_level
    assert ["SureRoundRobin"] == [one.__name__ for one in made._partition_assignment_strategy]
    assert 86_400_000 == made._max_poll_interval_ms
    made._closed = True


async def test_a_full_worker_is_not_idle(consumer):
    """aiokafka counts from the last fetch; the name is looked at by its heartbeat, and a release may rename it."""
    thread, subscription = consumer._thread, SubscriptionState()
    subscription._last_fetch_ended = 0.0
    thread.note_full()
    thread._consumer = SimpleNamespace(_subscription=subscription)
    thread.note_full()
    assert subscription.fetcher_idle_time < 60.0
    assert "fetcher_idle_time" in inspect.getsource(GroupCoordinator)


async def test_a_fetch_that_has_just_failed_does_not_keep_a_worker_from_ending(consumer):
    """Its thread died of the cancellation that ends the fetch, and the worker waited for the thread until it was killed."""

    async def stop():
        raise asyncio.CancelledError

    consumer._thread._consumer = SimpleNamespace(stop=stop)
    await consumer._thread.on_thread_stop()


async def test_a_lane_that_has_room_again_is_fetched_at_once(app, consumer):
    """Faust sleeps for a second when no partition has room. The place stage has one partition, so it would mostly stand idle."""
    app.consumer = consumer
    consumer.flow_active, consumer.sleep = True, never
    consumer._set_active_tps({TP(TOPIC, 0)})
    flow = app.flow_of(TopicPartition(TOPIC, 0))
    flow.stop()
    waiting = asyncio.ensure_future(consumer._wait_next_records(PATIENCE_S))
    await asyncio.sleep(0)
    flow.resume()
    assert ({}, {TP(TOPIC, 0)}) == await asyncio.wait_for(waiting, 10)


async def test_while_no_lane_has_room_the_worker_says_so_and_looks_again(consumer):
    """Else aiokafka takes it for idle; and a partition that was assigned meanwhile is found only by looking."""
    consumer.flow_active = True
    consumer._set_active_tps(set())
    assert ({}, set()) == await consumer._wait_next_records(0.01)


async def never(*_args):
    """Wait for ever."""
    await asyncio.Event().wait()


def test_the_isolation_level_is_read_when_the_consumer_starts():
    """We set it after construction; a release that hands it on earlier would ignore us."""
    assert "isolation_level=self._isolation_level" in inspect.getsource(AIOKafkaConsumer.start)
    assert "assignors=self._partition_assignment_strategy" in inspect.getsource(AIOKafkaConsumer.start)


async def test_the_seek_reaches_a_committed_offset_of_zero(consumer):
    """aiokafka's own leaves the position where it was, and the first records are lost to a hole."""
    thread, sought = consumer._thread, []
    at = KafkaPartition(TOPIC, 0)

    async def committed(partitions):
        return {at: OffsetAndMetadata(0, '{"seq":1}')}

    thread._consumer = SimpleNamespace(
        assignment=lambda: {at},
        _coordinator=SimpleNamespace(fetch_committed_offsets=committed),
        _subscription=SimpleNamespace(is_assigned=lambda _at: True),
        _fetcher=SimpleNamespace(seek_to=lambda *args: sought.append(args)),
    )
    assert {at: 0} == await thread._seek_to_committed()
    assert [(at, 0)] == sought


def test_a_leader_without_metadata_ends_instead_of_handing_out_nothing():
    """The group would sit idle until the next refresh of metadata, minutes later."""
    deaths = Deaths()
    assignor = engine.sure_round_robin(deaths)
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: None)
    assignor.assign(cluster, {"m": SimpleNamespace(subscription=[TOPIC])})
    assert [Exit.METADATA] == [reason.exit_code for reason in deaths.reasons]


def test_the_sure_assignor_hands_out_as_the_stock_one_does():
    """Members of the group must agree on one protocol."""
    assignor = engine.sure_round_robin(Deaths())
    cluster = SimpleNamespace(partitions_for_topic=lambda topic: {0, 1, 2})
    members = {"a": SimpleNamespace(subscription=[TOPIC]), "b": SimpleNamespace(subscription=[TOPIC])}
    given = assignor.assign(cluster, members)
    assert "roundrobin" == assignor.name
    assert {"a": [(TOPIC, [0, 2])], "b": [(TOPIC, [1])]} == {member: one.assignment for member, one in given.items()}


class Lanes(Assignment):
    """Remembers the order of what happens to it."""

    def __init__(self, told):
        super().__init__(TOPIC, lambda at, generation: None)
        self._told = told

    async def revoke(self):
        self._told.append("closed")

    async def assign(self, partitions, generation):
        self._told.append(("opened", sorted(partitions), generation))


async def test_lanes_close_before_partitions_are_given_up_and_open_after_they_came(tmp_path, monkeypatch):
    """A lane that still commits while the partition has a new owner is a zombie."""
    told = []
    app = make_app(tmp_path, Lanes(told))

    async def revoked(self, revoked):
        told.append("revoked")

    async def assigned(self, assigned, generation_id=0):
        told.append("assigned")

    async def stopped(self):
        told.append("stopped")

    monkeypatch.setattr(faust.App, "_on_partitions_revoked", revoked)
    monkeypatch.setattr(faust.App, "_on_partitions_assigned", assigned)
    monkeypatch.setattr(faust.App, "_stop_consumer", stopped)
    await app._on_partitions_revoked({TP(TOPIC, 0)})
    await app._on_partitions_assigned({TP(TOPIC, 0)}, 3)
    await app._stop_consumer()
    opened = ("opened", [TopicPartition(TOPIC, 0)], 3)
    assert ["closed", "revoked", "assigned", opened, "closed", "stopped"] == told


async def test_a_full_partition_leaves_the_fetch_and_comes_back(app, consumer):
    """Faust's pause drops what is in hand; its pressure marks do not."""
    app._consumer = consumer
    app.__dict__["consumer"] = consumer
    consumer._set_active_tps({TP(TOPIC, 0), TP(TOPIC, 1)})
    flow = app.flow_of(TopicPartition(TOPIC, 0))
    flow.stop()
    assert {TP(TOPIC, 1)} == consumer._get_active_partitions()
    flow.resume()
    assert {TP(TOPIC, 0), TP(TOPIC, 1)} == consumer._get_active_partitions()


async def test_settings_that_the_proof_rests_on(app):
    """Each of them prevents a loss or a stall that was reproduced."""
    conf = app.conf
    assert (False, 86400.0, False, False) == (
        conf.stream_wait_empty,
        conf.broker_max_poll_interval,
        conf.web_enabled,
        conf.topic_allow_declare,
    )
    assert not app.in_transaction
    assert CrashingSupervisor is conf.agent_supervisor


def test_a_password_is_never_sent_without_tls_by_accident():
    """Faust falls back to plain text where the TLS context is missing."""
    with pytest.raises(Misconfigured):
        credentials({"security_protocol": "SASL_SSL"})
    assert credentials({}) is None

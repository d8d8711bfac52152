"""Bringing a connector to what the files say: what is called, in which order, and when it counts as done."""

from dataclasses import dataclass, field, replace

import pytest

from connector.connect import ConfigError, ConnectorStatus, Plugin, TaskStatus
from connector.contract import CapturedTable, CaptureSource, DatabaseKind, TableRole, Topics
from connector.errors import Refused
from connector.plan import Action
from connector.reconcile import Patience, Reconciler
from tests.settings import connect_settings

SOURCE = CaptureSource(
    name="his",
    kind=DatabaseKind.POSTGRESQL,
    host="h",
    port=1,
    database="d",
    user="u",
    password_file="f",
    password_reference="${directory:/s:p}",
    sslmode="require",
    publication="p",
    slot="s",
    heartbeat_table=None,
    tables=(CapturedTable(name="his.visit", role=TableRole.VISIT, key=("id",), visit_key=("v",), columns=("id", "v")),),
)
CONNECTOR = "capture-his"
PLUGIN = Plugin(class_name="yibao.connect.WholeTransactionPostgresConnector", version="3.7.0.Final")
OLD = replace(PLUGIN, version="3.6.1.Final")
RUNNING, FAILED = ("RUNNING", None), ("FAILED", "the publication does not exist")


@dataclass
class FakeConnect:
    """A Connect cluster of one connector. states: what its task is in, look by look; the last one stays."""

    live: dict[str, str] | None = None
    states: list = field(default_factory=lambda: [RUNNING])
    errors: tuple = ()
    with_plugins: tuple = (PLUGIN,)
    calls: list = field(default_factory=list)

    def config(self, connector):
        assert connector == CONNECTOR
        return self.live

    def plugins(self):
        return self.with_plugins

    def validate(self, *_):
        self.calls.append("validate")
        return self.errors

    def put_config(self, connector, config):
        self.calls.append("put")
        self.live = {**config, "name": connector}

    def restart(self, *_, only_failed):
        assert only_failed
        self.calls.append("restart")

    def status(self, connector):
        if self.live is None:
            return None
        state, trace = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        task = TaskStatus(number=0, state=state, worker="w", trace=trace)
        return ConnectorStatus(connector=connector, state="RUNNING", worker="w", trace=None, tasks=(task,))


class SetClock:
    """Time passes while somebody sleeps, and only then: a busy machine does not come into it."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, for_s):
        self.now += for_s


@pytest.fixture(autouse=True)
def _clock_is_set(monkeypatch):
    monkeypatch.setattr("connector.reconcile.time", SetClock())


def reconciler(connect, **patience):
    return Reconciler(
        connect,
        topics=Topics(),
        settings=connect_settings("k:1"),
        patience=Patience(**{"running_s": 1, "settled_s": 0.02, "poll_s": 0.001} | patience),
    )


def applied():
    connect = FakeConnect()
    reconciler(connect).apply(SOURCE)
    return connect.live


def test_a_new_connector_is_checked_before_it_is_made():
    """Connect would keep a configuration that can never run."""
    connect = FakeConnect()
    assert reconciler(connect).apply(SOURCE).action is Action.CREATE
    assert connect.calls == ["validate", "put"]


def test_an_unchanged_connector_is_left_alone():
    """Every change restarts the task."""
    connect = FakeConnect(live=applied())
    assert reconciler(connect).apply(SOURCE).action is Action.UNCHANGED
    assert connect.calls == []


def test_an_unchanged_connector_that_failed_is_told():
    """The word unchanged alone would read as good."""
    with pytest.raises(Refused, match=r"publication.*yibao connector restart his"):
        reconciler(FakeConnect(live=applied(), states=[FAILED])).apply(SOURCE)


def test_a_configuration_that_connect_refuses_is_not_put():
    """All its errors at once, and what ran goes on."""
    connect = FakeConnect(errors=(ConfigError(key="database.user", messages=("no",)), ConfigError(key="x", messages=("y",))))
    with pytest.raises(Refused, match=r"database\.user: no\n  x: y"):
        reconciler(connect).apply(SOURCE)
    assert connect.calls == ["validate"]


def test_a_missing_plugin_is_told_before_anything():
    """Connect's own answer to that is a page of Java."""
    with pytest.raises(Refused, match=r"plugin\.path"):
        reconciler(FakeConnect(with_plugins=())).apply(SOURCE)


@pytest.mark.parametrize("live", [None, "unchanged", "changed"])
def test_a_plugin_that_loses_rows_is_refused_before_anything(live):
    """Also where nothing would be changed: the word unchanged reads as good, and the next restart skips rows."""
    before = None if live is None else applied() | ({"poll.interval.ms": "1"} if live == "changed" else {})
    connect = FakeConnect(live=before, with_plugins=(OLD,))
    with pytest.raises(Refused, match=r"3\.6\.1\.Final, and 3\.7\.0 or newer is needed.*plugin\.path"):
        reconciler(connect).apply(SOURCE)
    assert (connect.calls, connect.live) == ([], before)


def test_a_task_that_fails_just_after_it_ran_is_a_failure():
    """A missing publication shows a second after RUNNING."""
    with pytest.raises(Refused, match="the publication does not exist"):
        reconciler(FakeConnect(states=[RUNNING, RUNNING, FAILED])).apply(SOURCE)


def test_the_failure_that_a_change_mends_is_not_taken_for_the_changes():
    """For a moment Connect still tells the state from before; the failed task is started again."""
    live = {**applied(), "publication.name": "absent"}
    connect = FakeConnect(live=live, states=[FAILED, FAILED, FAILED, RUNNING])
    assert reconciler(connect, settled_s=0.1).apply(SOURCE).action is Action.UPDATE
    assert connect.calls == ["validate", "put", "restart"]


def test_a_change_that_loses_the_position_is_refused_unless_it_is_meant():
    """Nothing is called before the refusal."""
    live = {**applied(), "slot.name": "other"}
    connect = FakeConnect(live=live)
    with pytest.raises(Refused, match="--accept-loss"):
        reconciler(connect).apply(SOURCE)
    assert connect.calls == []
    reconciler(connect).apply(SOURCE, accept_loss=True)
    assert connect.calls == ["validate", "put"]


def test_a_connector_that_never_runs_is_told_with_its_state():
    """Waiting has an end."""
    with pytest.raises(Refused, match="does not run after"):
        reconciler(FakeConnect(states=[("UNASSIGNED", None)]), running_s=0.05).apply(SOURCE)

"""What a probe, an alert and a person are told of a worker, also when nothing in it moves any more."""

import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request
from contextlib import closing

import pytest

from streams.errors import Misconfigured
from streams.telemetry.conditions import MEANINGS, Condition, Kind, Reason
from streams.telemetry.exposition import Exposition
from streams.telemetry.outcomes import Outcomes
from streams.telemetry.pulse import Pulse
from streams.telemetry.serving import Served, Told, answer
from streams.testing import wait_for
from tests.patience import PATIENCE_S


def get(url):
    """Status and body."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@pytest.fixture
def serve():
    """Serves a worker's pulse on a free port, until the test's end."""
    opened = []

    def make(pulse, *, host="127.0.0.1", port=0):
        exposition = Exposition(Outcomes("join"), pulse, version="1")
        opened.append(
            Served(Told(worker="join-0", conditions=lambda: pulse.conditions, metrics=exposition.written), host=host, port=port)
        )
        return opened[-1].url

    yield make
    for one in opened:
        one.close()


def told_of(*reasons):
    conditions = [Condition(reason, "x") for reason in reasons]
    return Told(worker="join-0", conditions=lambda: conditions, metrics=lambda _accept: (b"", "text/plain"))


def statuses(*reasons):
    return [answer(path, "", told_of(*reasons)).status for path in ("/live", "/ready", "/health")]


def test_the_three_addresses_ask_three_different_things():
    """A probe that restarts a worker because the platform is away makes an outage of ours out of one of theirs."""
    assert [200, 200, 200] == statuses()
    for reason, (kind, _) in MEANINGS.items():
        wanted = {Kind.DEAD: [503, 503, 503], Kind.UNREADY: [200, 503, 503], Kind.DEGRADED: [200, 200, 200]}[kind]
        assert wanted == statuses(reason), reason


def test_health_tells_every_reason_and_the_worst_state():
    """A person wants to know what waits for whom, also where nothing must be restarted."""
    body = json.loads(answer("/health", "", told_of(Reason.LANE_HELD, Reason.NO_BROKER)).body)
    assert ("join-0", "unready") == (body["worker"], body["state"])
    assert [("degraded", "lane_held"), ("unready", "no_broker")] == [(one["kind"], one["reason"]) for one in body["reasons"]]
    body = json.loads(answer("/ready?x=1", "", told_of(Reason.LANE_HELD)).body)
    assert ("ok", []) == (body["state"], body["reasons"])
    assert "degraded" == json.loads(answer("/health", "", told_of(Reason.LANE_HELD)).body)["state"]


def test_another_address_names_those_that_there_are():
    """Who mistypes one should not think that the worker has none."""
    found = answer("/healthz", "", told_of())
    assert 404 == found.status
    assert b"/live, /ready, /health, /metrics, /runbooks" in found.body


async def test_a_loop_that_stands_still_is_not_live_and_says_so(serve):
    """Nothing in the loop could answer; a probe that got no answer would not know why."""
    pulse = Pulse(stuck_s=0.2, beat_s=0.02)
    url, stands, asked, found = serve(pulse), threading.Event(), threading.Event(), []
    assert (200, 503) == (get(f"{url}/live")[0], get(f"{url}/ready")[0]), "it may wait for brokers for an hour before it begins"
    pulse.begin(asyncio.get_running_loop())
    pulse.watch()
    await wait_for(lambda: not pulse.conditions)
    assert (200, 200) == tuple([(await asyncio.to_thread(get, f"{url}/{path}"))[0] for path in ("live", "ready")])

    def ask():
        stands.wait(PATIENCE_S)
        while (answered := get(f"{url}/live"))[0] == 200:
            pass
        found.extend([answered, get(f"{url}/ready"), get(f"{url}/metrics")])
        asked.set()

    thread = threading.Thread(target=ask)
    thread.start()
    stands.set()
    assert asked.wait(PATIENCE_S), "the loop stands here, and the thread sees it"
    thread.join()
    assert [503, 503, 200] == [status for status, _ in found]
    assert "loop_stuck" in found[0][1]
    assert 'cdc_conditions{kind="dead",reason="loop_stuck",stage="join"} 1.0' in found[2][1]
    await wait_for(lambda: not pulse.conditions, what="the loop going on")
    assert 200 == (await asyncio.to_thread(get, f"{url}/live"))[0]
    assert pulse.late_s > 0.1, "how late it was is seen for a while"


async def test_who_looks_at_a_worker_does_not_end_it():
    """A gauge that cannot be read must not stop records from being reported."""
    pulse = Pulse(stuck_s=60)

    def fails(_board):
        raise ZeroDivisionError

    pulse.watch(fails)
    pulse.look()
    assert [Reason.STARTING] == [one.reason for one in pulse.conditions], "what was seen last stays"


def test_one_that_stands_by_is_ready(serve):
    """Whoever replaces workers waits for the new one to be ready, which waits for the old ones to go: neither would end."""
    pulse = Pulse(stuck_s=60)
    url = serve(pulse)
    for others, status in (("", 503), ("join-1 at 10.0.0.3", 200), ("", 503)):
        pulse.stand_by(others)
        pulse.look()
        found, told = get(f"{url}/ready")
        assert status == found
        assert ("mapping_awaited" in get(f"{url}/health")[1]) == bool(others), told


def test_a_port_that_is_taken_is_told_with_the_setting(serve):
    """Two workers with one port: the second must not run unseen."""
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(Misconfigured, match=r"workers\.http"):
            serve(Pulse(stuck_s=1), port=other.getsockname()[1])


def test_more_who_ask_than_there_is_room_for_are_sent_away(serve):
    """Somebody who opens connections and says nothing must not take a worker's threads, nor silence it for long."""
    url = serve(Pulse(stuck_s=60))
    host, port = url.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(40)]
    try:
        assert threading.active_count() < 30
    finally:
        for one in silent:
            one.close()
    deadline = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        try:
            if get(f"{url}/live")[0] == 200:
                return
        except OSError:
            deadline.wait(0.05)
    raise AssertionError("no probe was answered any more")

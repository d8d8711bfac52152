"""A broker that is away is told once with its name, and once when it is back."""

from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from streams.lanes.kafka_roll import KafkaRoll
from streams.lanes.roll_call import RollCall
from tests.settings import broker_settings

START = datetime(2024, 5, 1, tzinfo=UTC)
A, B, C = (f"{name}.his:9093" for name in "abc")


class Cluster:
    """Brokers that answer, or do not. A call takes a second, another one follows after two."""

    def __init__(self, servers, brokers):
        self.servers = servers
        self.brokers = set(brokers)
        self.away = set()
        self.seconds = 0
        self.asked = []
        self.roll_call = RollCall(self, clock=lambda: 100.0 + self.seconds, wall=lambda: START + timedelta(seconds=self.seconds))

    async def ask(self, address):
        self.asked.append(address)
        if address in self.away:
            raise ConnectionRefusedError(111, "Connection refused")
        return self.brokers - self.away

    async def stop(self):
        pass

    async def told(self, *, calls):
        """What so many calls tell, as level, name, addresses, and since when."""
        with capture_logs() as logs:
            for _ in range(calls):
                await self.roll_call.call()
                self.seconds += 2
        return [(entry.pop("log_level"), entry.pop("event"), entry) for entry in logs]


async def test_a_broker_that_is_away_is_named_once_and_again_when_it_is_back():
    """A library's line every two seconds names a number, hides the first one and never says that it is over."""
    cluster = Cluster([A, B], [A, B, C])
    assert [] == await cluster.told(calls=3)
    cluster.away = {C}
    error = "ConnectionRefusedError: [Errno 111] Connection refused"
    gone = {"addresses": [C], "since": START + timedelta(seconds=6), "away_s": 2.0, "answering": [A, B], "error": error}
    assert [("warning", "brokers_lost", gone)] == await cluster.told(calls=200)
    cluster.away = set()
    back = {"addresses": [C], "since": START + timedelta(seconds=6), "away_s": 400.0, "away": []}
    assert [("info", "brokers_returned", back)] == await cluster.told(calls=10)


async def test_a_connection_that_was_closed_is_no_outage():
    """A broker that was restarted in a moment calls nobody."""
    cluster = Cluster([A], [A, B])
    await cluster.told(calls=1)
    cluster.away = {B}
    assert [] == await cluster.told(calls=1)
    cluster.away = set()
    assert [] == await cluster.told(calls=5)


async def test_an_outage_of_all_is_told_again_after_minutes():
    """Nothing goes on then: the last lines of a log must not look as if all were well."""
    cluster = Cluster([A], [A, B])
    await cluster.told(calls=1)
    cluster.away = {A, B}
    told = await cluster.told(calls=400)
    assert ["brokers_lost"] * 3 == [name for _, name, _ in told]
    assert [2.0, 302.0, 602.0] == [entry["away_s"] for *_, entry in told]
    assert [A, B] == told[0][2]["addresses"]
    assert [] == told[0][2]["answering"]


async def test_one_more_that_is_lost_is_news_and_one_that_is_back_leaves_the_others():
    """Which one is still away decides where to look."""
    cluster = Cluster([A], [A, B, C])
    await cluster.told(calls=1)
    cluster.away = {B}
    await cluster.told(calls=5)
    cluster.away = {B, C}
    ((_, name, lost),) = await cluster.told(calls=5)
    assert ("brokers_lost", [B, C]) == (name, lost["addresses"])
    cluster.away = {C}
    ((_, name, back),) = await cluster.told(calls=5)
    assert ("brokers_returned", [B], [C]) == (name, back["addresses"], back["away"])


async def test_brokers_that_were_never_reached_are_known_by_where_one_looked():
    """A worker that is started again during an outage knows no other names; those of the setting are what can be corrected."""
    cluster = Cluster(["kafka.his:9093"], [A, B])
    cluster.away = {"kafka.his:9093", A, B}
    ((_, name, lost),) = await cluster.told(calls=5)
    assert ("brokers_lost", ["kafka.his:9093"]) == (name, lost["addresses"])
    cluster.away = set()
    ((_, name, back),) = await cluster.told(calls=5)
    assert ("brokers_returned", ["kafka.his:9093"]) == (name, back["addresses"])


async def test_brokers_that_got_other_names_are_found_again():
    """A cluster that moved is not away: where one began is asked again when nobody else answers."""
    cluster = Cluster(["kafka.his:9093"], [A])
    await cluster.told(calls=2)
    cluster.away, cluster.brokers = {A}, {B}
    ((_, name, lost),) = await cluster.told(calls=5)
    assert ("brokers_lost", [A]) == (name, lost["addresses"])
    cluster.asked.clear()
    assert [] == await cluster.told(calls=1)
    assert {A, B} == set(cluster.asked)


async def test_a_roll_that_ends_in_the_middle_of_a_question_closes_what_is_left():
    """With several brokers one is asked while the others' connections are closed; a worker hung so, and had to be killed."""
    roll = KafkaRoll(broker_settings("a:1,b:2,c:3"))
    closed = []

    class Connection:
        def __init__(self, address):
            self.address = address

        async def close(self):
            closed.append(self.address)
            roll._open.pop("a:1", None)  # as `ask` does

    roll._open = {address: Connection(address) for address in ("a:1", "b:2", "c:3")}
    await roll.stop()
    assert ["c:3", "b:2"] == closed

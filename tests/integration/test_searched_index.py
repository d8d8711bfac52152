"""An index that was not read on answers as one that was: what it has not is searched for in the topic, on a real broker."""

import random
import uuid

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from connector.contract import Mark, TableRole
from streams.domain.join.entries import SEPARATOR, dump, key_of
from streams.domain.join.stored import StoredRow
from streams.explain.places import CHANGES, places, sought
from streams.explain.remembered import Institutions, called, of_visit, sought_called, sought_of_visit, state_shape
from streams.indexes import searched
from streams.indexes.store import Store
from streams.indexes.upkeep import Upkeep
from streams.topics.access import BrokerAccess

pytestmark = pytest.mark.stack
STATE = state_shape(Institutions(lambda _source, _role, _columns: "H1", "nothing"))
VISITS = ["V1", "V11", '中"\\/2']
ROWS = [("F1",), ("F11",), ("F1", "2"), ("F1/2",), ('中"\\3',), ("",)]
RECORDS = ["R1", "R11", "F1", '中"\\/5', ""]
MOST = 1_000


@pytest.fixture
async def topic(kafka):
    """Two partitions of entries that came, were reported as others, went, and came in transactions that were given up."""
    name = f"searched-{uuid.uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, 2, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, transactional_id=name, compression_type="lz4")
    async with producer:
        for seed in range(40):
            await course(producer, name, random.Random(seed))
    return BrokerAccess(bootstrap_servers=kafka.bootstrap_servers), name


async def course(producer, name, chance):
    """One transaction, kept or given up."""
    await producer.begin_transaction()
    for _ in range(12):
        visit = chance.choice(VISITS)
        partition, row = VISITS.index(visit) % 2, chance.choice(ROWS)
        value = None if chance.random() < 0.15 else dump(entry(row, chance.choice(RECORDS)))
        key = key_of(visit.encode(), TableRole.FEE, "his", "his.sf_fymx", row)
        await producer.send(name, value, key=key, partition=partition)
    await (producer.abort_transaction() if chance.random() < 0.4 else producer.commit_transaction())


def entry(key, record):
    row = StoredRow(TableRole.FEE, "his", "his.sf_fymx", key, {"mxid": "/".join(key)}, (1,), 1, 1, Mark((1, 1), 1))
    return row.reported("0" * 32, f"H1/{record}") if record else row


def upkeep(topic, folder, shape):
    access, name = topic
    return Upkeep(store=Store(folder, name, shape), access=access, topic=name, client_id="searched")


def answers(kept):
    """By what is asked: what an index says of it, and how many messages were searched for it."""
    said, searched_in = {}, 0
    wanted = [*(("visit", one, of_visit, one.encode(), sought_of_visit(one.encode())) for one in [*VISITS, "V"])]
    wanted += [("number", one, called, one, sought_called(one)) for one in [*map("/".join, ROWS), *RECORDS, "F"]]
    for kind, one, question, key, looked_for in wanted:
        told, freshness = kept.ask(lambda index, question=question, key=key: question(index, key), sought=looked_for)
        said[kind, one] = told
        assert freshness.complete
        searched_in += freshness.searched
    return said, searched_in


async def test_a_search_says_what_the_index_says_when_it_was_read_on(topic, tmp_path, monkeypatch):
    """A line that is searched for and not found, though it is there, is reported twice by whoever believes it. The same of a
    version that was given up, or that is not the last one.
    """
    truth, none = answers(upkeep(topic, tmp_path / "read", STATE))
    assert 0 == none
    assert all(truth["visit", one] for one in VISITS), "the course has every visit"
    assert not truth["number", "F"]
    monkeypatch.setattr(searched, "SEARCHED", range(1, 1_000_000))
    said, looked_through = answers(upkeep(topic, tmp_path / "searched", STATE))
    assert looked_through
    assert truth == said


async def test_what_an_index_has_and_what_is_searched_for_are_one_answer(topic, kafka, tmp_path, monkeypatch):
    """Half of the day is in the index, the rest came since: the last version counts, wherever it is. The index stays as it was."""
    kept = upkeep(topic, tmp_path / "half", STATE)
    kept.ask(lambda _index: None)
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, transactional_id=topic[1]) as producer:
        for seed in range(40, 60):
            await course(producer, topic[1], random.Random(seed))
    monkeypatch.setattr(searched, "SEARCHED", range(1, 1_000_000))
    said, looked_through = answers(kept)
    assert looked_through
    _, still = kept.ask(lambda _index: None, sought=sought_called("F1"))
    monkeypatch.setattr(searched, "SEARCHED", range(0))
    truth, _ = answers(upkeep(topic, tmp_path / "read", STATE))
    assert truth == said
    assert still.searched > 12


@pytest.mark.parametrize("searches", [False, True])
@pytest.mark.parametrize("how", ["zeros", "half"])
async def test_an_index_that_is_damaged_does_not_stand_in_the_way_of_an_answer(topic, tmp_path, monkeypatch, how, searches):
    """A machine that lost its power leaves such a file; who asks at night has no other. Whether a search needs it or not."""
    folder = tmp_path / "damaged"
    kept = upkeep(topic, folder, STATE)
    truth, _ = answers(kept)
    (file,) = folder.glob("*.db")
    whole = file.read_bytes()
    for beside in folder.glob("*.db-*"):
        beside.unlink()
    file.write_bytes(bytes(4096) + whole[4096:] if how == "zeros" else whole[: len(whole) // 2])
    monkeypatch.setattr(searched, "SEARCHED", range(1, 1_000_000) if searches else range(0))
    said, looked_through = answers(kept)
    assert (truth, searches) == (said, looked_through > 0)


async def test_the_places_that_are_searched_for_are_those_of_the_index(topic, tmp_path, monkeypatch):
    """By them the messages are read: one place that is missing is an event that did not happen."""
    keys = [key_of(one.encode(), TableRole.FEE, "his", "his.sf_fymx", ("F1",)) for one in VISITS]

    def where(kept, key):
        return kept.ask(lambda index: places(index, [key], most=MOST), partitions=[0], sought=sought(CHANGES, [key]))[0]

    truth = [where(upkeep(topic, tmp_path / "read", CHANGES), key) for key in keys]
    monkeypatch.setattr(searched, "SEARCHED", range(1, 1_000_000))
    assert truth == [where(upkeep(topic, tmp_path / "searched", CHANGES), key) for key in keys]
    assert any(truth)
    assert SEPARATOR in keys[0]

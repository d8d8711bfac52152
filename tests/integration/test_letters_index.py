"""The index of the dead letters on a real broker: always what the topic says, whatever happened to the file or the topic."""

import asyncio
import json
import shutil
import sqlite3
import stat
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.structs import TopicPartition

from streams.deadletter.index.pages import page
from streams.deadletter.index.schema import FORM
from streams.deadletter.index.store import letters_in
from streams.deadletter.record import encode_dead_letter, letter_id
from streams.errors import Misconfigured
from streams.explain.places import CHANGES, places, sought
from streams.indexes import upkeep
from streams.indexes.store import Store
from streams.indexes.upkeep import Upkeep
from streams.mapping import load_site
from streams.topics.access import BrokerAccess
from streams.topics.broker import Broker
from tests.bench.topics import apply_topics
from tests.full_disk import full_disk
from tests.integration.test_dlq_command import CERTNO, INVALID, NAME, PHONE, REJECTED, as_json, dlq, sample_site
from tests.integration.test_end_of_a_run import wait_for
from yibao.letters.asked import FOLDER, ask, clock_of, wanted_by

pytestmark = pytest.mark.stack
SEVERAL = 7


@pytest.fixture
async def place(kafka, tmp_path):
    """A site with letters of its own: REJECTED, and INVALID of several rows."""
    prefix = f"letters-{uuid.uuid4().hex[:12]}-"
    made = Place(kafka.bootstrap_servers, f"{prefix}visit.dead", f"{prefix}visit.control")
    await made.create()
    await made.write(0, REJECTED)
    await made.write(1, *(of_row(number) for number in range(SEVERAL)))
    made.site = sample_site(tmp_path, made.bootstrap, prefix)
    return made


class Place:
    """A topic of dead letters, and who writes into it."""

    def __init__(self, bootstrap, topic, control):
        self.bootstrap, self.topic, self.control = bootstrap, topic, control
        self.site = None

    async def create(self):
        async with admin_of(self) as admin:
            await admin.create_topics([NewTopic(self.topic, 2, 1), NewTopic(self.control, 1, 1)])

    async def write(self, partition, *letters):
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            for letter in letters:
                key, value, headers = encode_dead_letter(letter)
                await producer.send_and_wait(self.topic, value, key=key, partition=partition, headers=headers)

    @property
    def folder(self):
        return load_site(self.site).workers.home / FOLDER

    @property
    def file(self):
        [found] = self.folder.glob("*.db")
        return found

    def listed(self, *words):
        return {letter["record_key"] for letter in as_json("list", "-c", self.site, *words)["letters"]}

    def asked(self, *words, deadline_s=60.0):
        site = load_site(self.site)
        wanted = wanted_by(words).with_default()
        return ask(site, lambda index: page(index, wanted, clock_of(site), most=99), deadline_s=deadline_s)


@asynccontextmanager
async def admin_of(place):
    admin = AIOKafkaAdminClient(bootstrap_servers=place.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def of_row(number, **more):
    return replace(
        INVALID, identity=f"row {number}", row=replace(INVALID.row, record_key=f"F{number}", key=(f"F{number}",)), **more
    )


async def test_what_was_read_is_not_read_again(place):
    """A million letters are read once; then a verb reads what is new."""
    assert (place.asked()[1].read, place.asked()[1].read) == (SEVERAL + 1, 0)
    await place.write(1, of_row(SEVERAL))
    page_, freshness = place.asked()
    assert (SEVERAL + 2, 1, "", True) == (page_.total, freshness.read, freshness.built, freshness.complete)


async def test_much_that_is_new_is_added_and_nothing_made_anew(place, monkeypatch):
    """Of more than some thousand new messages, what was read so far is kept in between: the index was called damaged there."""
    assert SEVERAL + 1 == place.asked()[0].total
    monkeypatch.setattr(upkeep, "_COMMIT_EVERY", 2)
    await place.write(1, *(of_row(SEVERAL + number) for number in range(5)))
    page_, freshness = place.asked()
    assert (SEVERAL + 6, 5, "", True) == (page_.total, freshness.read, freshness.built, freshness.complete)


async def test_a_page_says_what_is_missing_and_where_to_go_on(place):
    """`complete` beside 100 of 377 letters made scripts lose 277 of them."""
    first = as_json("list", "-c", place.site, "--limit", "5")
    assert (8, 5, False) == (first["total"], len(first["letters"]), first["complete"])
    second = as_json("list", "-c", place.site, "--limit", "5", "--after", first["next"])
    assert (8, 3, None) == (second["total"], len(second["letters"]), second["next"])
    assert 8 == len({letter["id"] for letter in (*first["letters"], *second["letters"])})
    assert as_json("list", "-c", place.site)["complete"]
    assert f"--after {first['next']}" in dlq("list", "-c", place.site, "--limit", "5").stdout
    with pytest.raises(Misconfigured, match="--after"):
        dlq("list", "-c", place.site, "--after", "somewhere")


async def test_one_language_chooses_in_every_verb(place):
    """Who counted letters must be able to list the same ones."""
    words = ("class:VALIDATION", "key:F2,F3", "not", "key:F3", 'text:"数量"')
    assert {"F2"} == place.listed(*words)
    assert 1 == as_json("summary", "-c", place.site, *words)["total"]
    assert "no letter has rule:REQUIRD (did you mean `REQUIRED`?)" in dlq("list", "-c", place.site, "rule:REQUIRD").stderr
    for words in (
        ["list", "--institution", "NOPE"],
        ["summary", "institution:NOPE"],
        ["list", "source:hiss"],
        ["list", "table:NOPE"],
    ):
        with pytest.raises(Misconfigured, match="neither the site nor a letter has it"):
            dlq(words[0], "-c", place.site, *words[1:])
    groups = as_json("summary", "-c", place.site, "--by", "class,field", "class:VALIDATION")["groups"]
    assert [("VALIDATION", "CNT", SEVERAL, 0)] == [(one["dead_class"], one["field"], one["count"], one["closed"]) for one in groups]


async def test_what_closes_a_letter_takes_it_from_the_open_ones_and_stands_in_its_history(place):
    """And a failure that comes after it opens it again."""
    await place.write(1, replace(of_row(3), closed=True, value=None, failed_at=INVALID.failed_at + 1))
    assert 1 == as_json("list", "-c", place.site, "closed")["total"]
    assert SEVERAL == as_json("summary", "-c", place.site)["total"]
    shown = as_json("show", letter_id(of_row(3)), "-c", place.site)
    assert INVALID.failed_at + 1 == shown["closed_at"] == shown["history"][0]["at"]
    assert "数量必填" in dlq("show", letter_id(of_row(3)), "-c", place.site).stdout  # of the message that told of it
    await place.write(1, of_row(3, failed_at=INVALID.failed_at + 2))
    assert SEVERAL + 1 == as_json("summary", "-c", place.site)["total"]


async def test_nobody_else_reads_the_index_and_nothing_personal_is_in_it(place):
    """A copy on a disk of what was protected in the topic would be a leak."""
    with sqlite3.connect(place.file if place.asked() else ""):
        modes = {stat.S_IMODE(one.stat().st_mode) for one in place.folder.iterdir()}
        assert ({0o600}, 0o700) == (modes, stat.S_IMODE(place.folder.stat().st_mode))
    kept = b"".join(one.read_bytes() for one in place.folder.iterdir())
    assert b"REJECTED" in kept
    assert not [canary for canary in (NAME, NAME[1:], CERTNO, PHONE) if canary.encode() in kept]


async def test_masked_words_are_not_searched(place):
    """Whoever tries names would find out which one the mask hides."""
    await place.write(0, replace(REJECTED, identity="another", message="平台拒收：姓名：赵敏 金额不平"))
    assert 2 == as_json("list", "-c", place.site, "text:金额不平")["total"]
    assert 0 == as_json("list", "-c", place.site, "text:赵")["total"]


@pytest.mark.parametrize("how", ["zeros", "cut", "form", "counts", "gone"])
async def test_an_index_that_is_damaged_or_of_another_version_is_made_anew(place, how):
    """Nobody should have to know that there is a file."""
    place.asked()
    file = place.file
    if how == "gone":
        file.unlink()
    elif how in ("zeros", "cut"):
        whole = bytearray(file.read_bytes())
        file.write_bytes(bytes(4096) + whole[4096:] if how == "zeros" else whole[: len(whole) // 2])
    else:
        with sqlite3.connect(file) as index:
            index.execute(
                f"UPDATE meta SET value = '{FORM + 1}' WHERE name = 'form'" if how == "form" else "UPDATE groups SET open = 1"
            )
        index.close()
    page_, freshness = place.asked()
    assert (SEVERAL + 1, SEVERAL + 1, True) == (page_.total, freshness.read, bool(freshness.built))


@pytest.mark.parametrize("filled", [False, True])
async def test_the_folder_may_be_deleted_while_a_verb_reads(place, filled):
    """As the manual says of it. It ended with a traceback, or with advice about a folder that is as it should be."""
    access = BrokerAccess(bootstrap_servers=place.bootstrap)
    index = Upkeep(store=letters_in(place.folder, place.topic), access=access, topic=place.topic, client_id="deleted")
    if filled:
        place.asked()
        await place.write(1, of_row(40))
    deleted = []

    def delete(_read, _total):
        if not deleted:
            deleted.append(place.folder)
            shutil.rmtree(place.folder)

    number, freshness = replace(index, on_progress=delete).ask(
        lambda one: one.execute("SELECT count(*) FROM letters").fetchone()[0]
    )
    assert (1 + SEVERAL + filled, True, [place.folder]) == (number, freshness.complete, deleted)


@pytest.mark.parametrize("kept", [False, True])
async def test_a_full_disk_stops_no_answer(place, kept):
    """In a night in which a disk is full, these verbs are what is asked why. It ended with advice, and without an answer."""
    if kept:
        place.asked()
        await place.write(1, of_row(40))
    with full_disk():
        found = dlq("list", "-c", place.site, "--output", "json")
    assert 1 + SEVERAL + kept == json.loads(found.stdout)["total"]
    assert 1 == found.stderr.count("nothing can be written below"), found.stderr
    assert f"{place.folder.parent}" in found.stderr
    assert [] == [*place.folder.glob("*.new*")], "what is half of an index would keep the disk full"
    assert (1 + SEVERAL + kept, True) == (place.asked()[0].total, place.asked()[1].complete), "and it harmed nothing"


async def test_on_a_full_disk_one_key_is_looked_for_without_an_index(place, tmp_path):
    """As `yibao explain` does; and where memory does not do either, that is said with what mends it."""
    access, told = BrokerAccess(bootstrap_servers=place.bootstrap), []
    index = Upkeep(
        store=Store(tmp_path / "index", place.topic, CHANGES),
        access=access,
        topic=place.topic,
        client_id="full",
        unkept=told.append,
    )

    def asked(looked_for):
        return len(index.ask(lambda one: places(one, [REJECTED.key], most=99), sought=looked_for)[0])

    with full_disk():
        assert 1 + SEVERAL == asked(None) == asked(sought(CHANGES, [REJECTED.key]))
    assert 2 == len(told)


async def test_a_topic_that_was_made_anew_is_another_one(place):
    """Its offsets begin again at 0: reading on from the old ones would leave letters out for ever."""
    place.asked()
    async with admin_of(place) as admin:
        await admin.delete_topics([place.topic])
    with Broker(BrokerAccess(bootstrap_servers=place.bootstrap)) as broker:
        await asyncio.to_thread(wait_for, lambda: not broker.topics([place.topic]))
    await place.create()
    await place.write(1, *(of_row(number) for number in range(20, 20 + SEVERAL)))
    page_, freshness = place.asked()
    assert ({f"F{number}" for number in range(20, 20 + SEVERAL)}, "the topic is another one") == (
        {letter.record_key for letter in page_.letters},
        freshness.built,
    )


async def test_letters_that_the_topic_dropped_are_not_counted_any_more(place):
    """What retention took cannot be shown, sent or mended."""
    place.asked()
    async with admin_of(place) as admin:
        await admin.delete_records({TopicPartition(place.topic, 1): RecordsToDelete(before_offset=SEVERAL - 2)})
    page_, freshness = place.asked()
    assert (3, "", 0) == (page_.total, freshness.built, freshness.read)
    assert 2 == as_json("summary", "-c", place.site, "class:VALIDATION")["total"]


async def test_several_verbs_at_once_see_the_same(place):
    """An SRE and two clerks look at the same time; one of them reads the topic, the others wait for that."""
    with ThreadPoolExecutor(4) as several:
        found = list(several.map(lambda _: place.asked(), range(4)))
    assert [SEVERAL + 1] * 4 == [one.total for one, _ in found]
    assert SEVERAL + 1 == sum(freshness.read for _, freshness in found)


async def test_what_is_personal_is_shown_for_a_reason_that_is_noted(kafka, tmp_path):
    """And nowhere else than where it was asked for."""
    file = sample_site(tmp_path, kafka.bootstrap_servers, "unmasked-")
    apply_topics(file)
    place = Place(kafka.bootstrap_servers, "unmasked-visit.dead", "unmasked-visit.audit")
    await place.write(0, REJECTED)
    with pytest.raises(Misconfigured, match="--unmask needs --reason"):
        dlq("show", letter_id(REJECTED), "-c", file, "--unmask")
    shown = dlq("show", letter_id(REJECTED), "-c", file, "--unmask", "--reason", "find the patient", "-o", "json")
    assert NAME == json.loads(shown.stdout)["content"]["record"]["PSN_NAME"]
    async with AIOKafkaConsumer(place.control, bootstrap_servers=place.bootstrap, auto_offset_reset="earliest") as consumer:
        line = {"action": ""}
        while not line["action"].startswith("dlq"):
            line = orjson.loads((await consumer.getone()).value)
    assert ("dlq show --unmask", "find the patient", letter_id(REJECTED)) == (line["action"], line["why"], line["facts"]["letter"])
    assert NAME not in orjson.dumps(line).decode()


async def test_who_asks_of_one_partition_has_only_that_read_and_the_others_are_read_when_they_are_asked_for(place, tmp_path):
    """Of a million records one visit's partition is read, and what was not read is never taken for nothing."""

    def of(shape, name):
        access = BrokerAccess(bootstrap_servers=place.bootstrap)
        return Upkeep(store=Store(tmp_path / name, place.topic, shape), access=access, topic=place.topic, client_id="test")

    def asked(index, partitions=None):
        found, freshness = index.ask(lambda one: places(one, [REJECTED.key], most=99), partitions=partitions)
        return len(found), freshness.read, bool(freshness.built), freshness.complete

    index, dropped = of(CHANGES, "one"), of(CHANGES, "dropped")
    compacted = of(replace(CHANGES, longest_pause_ms=1), "compacted")
    assert (1, 1, True, True) == asked(index, [0])
    assert (1 + SEVERAL, SEVERAL, False, True) == asked(index, [1])
    assert (1 + SEVERAL, 0, False, True) == asked(index)
    assert [(1, 1, True, True), (1, 1, True, True)] == [asked(dropped, [0]), asked(compacted, [0])]
    async with admin_of(place) as admin:
        await admin.delete_records({TopicPartition(place.topic, 1): RecordsToDelete(before_offset=2)})
    assert (1 + SEVERAL - 2, SEVERAL - 2, False, True) == asked(dropped), "nothing was lost of what had not been read"
    await place.write(0, REJECTED)
    assert (2 + SEVERAL - 2, 1, False, True) == asked(dropped, [0])
    assert (2, 2, False, True) == asked(compacted, [0]), "what went from a compacted topic may have left no trace"

"""The join's state on disk: the same as in memory, an exact prefix of the changelog after a crash, and never anybody else's."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.contract import TableRole
from streams.domain.join.indexed import Index
from streams.errors import Fatal, Misconfigured
from streams.lanes.exits import Exit
from streams.lanes.join import rocks_store
from streams.lanes.join.rocks_store import RocksStores
from streams.lanes.join.state import State
from streams.lanes.join.store import MemoryStore
from streams.lanes.ports import Page, TopicPartition
from tests.unit.streams.domain.join.join_rig import mappings
from tests.unit.streams.lanes.lane_rig import NoLookups

AT = TopicPartition("visit.state", 3)
VISITS = (b"a", b"ab", b"b", b"\xe5\x8d\x81")
KEYS = st.builds(
    lambda visit, row: visit + b"\x1f" + row,
    st.sampled_from(VISITS),
    st.sampled_from([b"v\x1f1", b"f\x1f1", b"f\x1f2", b"x\x1ff\x1fH/1"]),
)
HELD = b'h["positive_line"]', b"w0000000000009+[]"
VALUES = st.sampled_from(
    [
        None,
        b"r1",
        b"r2",
        b"w0000000000001-[]",
        b"w0000000000009-[]",
        b'w0000000000009-[1,"","lookup patient"]',
        b'w0000000000009-[1,"told","lookup patient"]',
        *HELD,
    ]
)
WRITES = st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=6)


def due_of(view, at):
    return {(visit, *sorted(keys)) for visit, keys in view.due(at, NoLookups())}


class Changelog:
    """A broker that has one changelog."""

    def __init__(self, entries, *, first=0):
        self.entries = entries
        self.first = first
        self.read_from = None

    async def first_offset(self, at):
        assert at == AT
        return self.first

    async def end_offsets(self, partitions):
        return dict.fromkeys(partitions, self.first + len(self.entries))

    async def read(self, at, start):
        assert at == AT
        self.read_from = start
        yield Page(entries=self.entries[start - self.first :], position=self.first + len(self.entries))


def told(state):
    due = {at: (due_of(state, at), set(state.gone(at))) for at in (0, 1, 9)}
    pages = [state.visits_after(after, 2) for after in (b"", *VISITS)]
    refunds = {visit: set(state.refunds(visit)) for visit in VISITS}
    return {visit: dict(state.visit(visit)) for visit in VISITS}, due, pages, state.position, refunds


@pytest.fixture
def stores(tmp_path):
    stores = RocksStores(tmp_path / "state")
    yield stores
    asyncio.run(stores.close())


def catch_up(state, changelog, *, identity="x"):
    return asyncio.run(state.catch_up(changelog, identity=identity))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES, other=WRITES)
def test_what_is_on_disk_is_what_was_in_memory(writes, other):
    """A restart must not change what a visit looks like, nor what waits."""
    with tempfile.TemporaryDirectory() as folder:
        stores = RocksStores(Path(folder) / "state")
        kept, disk = State(AT, MemoryStore()), State(AT, stores.of(3), at_hand=1)
        beside = State(TopicPartition("visit.state", 4), stores.of(4))
        for state in (kept, disk):
            catch_up(state, Changelog([]))
        for number, changed in enumerate(writes, start=1):
            kept.apply(changed, position=number)
            disk.apply(changed, position=number)
        for changed in other:
            beside.apply(changed, position=1)
        assert told(disk) == told(kept)
        for visit, entries in told(kept)[0].items():
            assert kept.refunds(visit) == {
                key for key, value in entries.items() if value in HELD and key.startswith(visit + b"\x1ff\x1f")
            }
        asyncio.run(stores.close())
        stores = RocksStores(Path(folder) / "state")
        again = State(AT, stores.of(3))
        catch_up(again, Changelog([(None, None)] * len(writes)))
        assert told(again) == told(kept)
        asyncio.run(stores.close())


def test_a_restart_reads_only_what_was_written_since(stores):
    """With a million visits the whole changelog takes minutes."""
    changelog = Changelog([(b"a\x1fv\x1f1", b"r1"), (b"a\x1fv\x1f1", b"r2")])
    assert 2 == catch_up(State(AT, stores.of(3)), changelog)
    changelog.entries.append((b"b\x1fv\x1f1", b"r3"))
    state = State(AT, stores.of(3))
    assert 1 == catch_up(state, changelog)
    assert changelog.read_from == 2
    assert told(state)[0][b"a"] == {b"a\x1fv\x1f1": b"r2"}


@pytest.mark.parametrize(("identity", "first", "entries"), [("y", 0, 1), ("x", 5, 1), ("x", 0, 1)])
def test_a_copy_of_other_topics_is_thrown_away(stores, identity, first, entries):
    """Topics made anew, a changelog that lost its beginning or is shorter than the copy: nothing of it may be believed."""
    catch_up(State(AT, stores.of(3)), Changelog([(b"a\x1fv\x1f1", b"r1"), (b"b\x1fv\x1f1", b"w0000000000001-[]")]))
    changelog = Changelog([(b"b\x1fv\x1f1", b"r9")] * entries, first=first)
    state = State(AT, stores.of(3))
    assert entries == catch_up(state, changelog, identity=identity)
    nothing = dict.fromkeys((0, 1, 9), (set(), set()))
    assert told(state)[:2] == ({b"a": {}, b"ab": {}, b"b": {b"b\x1fv\x1f1": b"r9"}, VISITS[3]: {}}, nothing)


def test_partitions_do_not_see_each_other(stores):
    """All partitions of a worker share a database."""
    one, two = (State(TopicPartition("visit.state", number), stores.of(number)) for number in (0, 1))
    for state in (one, two):
        state.apply({b"a\x1fv\x1f1": b"w0000000000001-[]"}, position=1)
    stores.of(0).clear()
    again = State(AT, stores.of(1))
    asyncio.run(again.catch_up(Changelog([(None, None)])))
    assert again.visit(b"a") == {b"a\x1fv\x1f1": b"w0000000000001-[]"}
    assert stores.of(0).visit(b"a") == {}


def test_a_kill_leaves_an_exact_prefix(tmp_path):
    """Entries without their position, or a position without its entries, would fold a change twice or not at all."""
    program = """
import asyncio, sys
from pathlib import Path
from streams.lanes.join.rocks_store import RocksStores
store = RocksStores(Path(sys.argv[1])).of(3)
store.open("x")
for number in range(1, 1_000_000):
    store.write({b"a\\x1fv\\x1f1": b"r%d" % number, b"b\\x1fv\\x1f%d" % number: b"r"}, {}, position=number)
    if number == 500:
        print("going", flush=True)
"""
    folder = tmp_path / "state"
    with subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"going\n"
        writer.kill()
    stores = RocksStores(folder)
    store = stores.of(3)
    position = store.open("x")
    assert position >= 500
    assert store.visit(b"a") == {b"a\x1fv": {b"a\x1fv\x1f1": b"r%d" % position}}
    assert len(store.visit(b"b")[b"b\x1fv"]) == position
    asyncio.run(stores.close())


def test_a_folder_belongs_to_one_worker(stores):
    """Two processes on one folder would write into each other's state."""
    with pytest.raises(Misconfigured, match="--index"):
        RocksStores(stores.folder)


def test_a_broken_copy_is_made_anew(tmp_path):
    """After a power failure or half a restore from a backup the worker helps itself: the changelog has it all."""
    stores = RocksStores(tmp_path / "state")
    stores.of(3).write({b"a\x1fv\x1f1": b"r1"}, {}, position=1)
    asyncio.run(stores.close())
    for file in (tmp_path / "state").glob("*"):
        if file.name == "CURRENT":
            file.write_bytes(b"nonsense")
    stores = RocksStores(tmp_path / "state")
    assert stores.of(3).open("") == 0
    assert stores.of(3).visit(b"a") == {}
    asyncio.run(stores.close())


def test_a_broken_copy_goes_and_nothing_else(tmp_path):
    """The folder may be a link to a larger disk: the copy in it is made anew, and neither link nor disk is taken away."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "disk")
    stores = RocksStores(tmp_path / "state")
    stores.of(3).write({b"a\x1fv\x1f1": b"r1"}, {}, position=1)
    asyncio.run(stores.close())
    (tmp_path / "disk" / "CURRENT").write_bytes(b"nonsense")
    stores = RocksStores(tmp_path / "state")
    assert (0, True) == (stores.of(3).open(""), (tmp_path / "state").is_symlink())
    asyncio.run(stores.close())


def test_a_folder_with_anything_else_in_it_is_refused(tmp_path):
    """RocksDB removes files there as it sees fit, and a broken copy is thrown away."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "CURRENT").write_text("nonsense")
    (tmp_path / "state" / "thesis.txt").write_text("chapter 1")
    with pytest.raises(Misconfigured, match=r"holds thesis\.txt"):
        RocksStores(tmp_path / "state")
    assert {"CURRENT": "nonsense", "thesis.txt": "chapter 1"} == {
        path.name: path.read_text() for path in (tmp_path / "state").iterdir()
    }


def damaged(folder):
    """A copy whose blocks were changed on the disk after it was closed."""
    stores = RocksStores(folder)
    store = stores.of(3)
    store.open("x")
    store.write({b"a\x1fv\x1f%d" % number: b"r" * 500 for number in range(500)}, {b"a\x1fv\x1f1": 7}, position=500)
    stores._database.flush()
    asyncio.run(stores.close())
    for file in folder.glob("*.sst"):
        content = bytearray(file.read_bytes())
        content[: len(content) // 2] = bytes(len(content) // 2)
        file.write_bytes(content)


@pytest.mark.parametrize("read", ["visit", "deadlines"])
def test_a_damaged_copy_is_never_read_as_an_empty_one(tmp_path, read):
    """A visit that looks new is reported a second time. RocksDB's iterators look ended when they met an error."""
    folder = tmp_path / "block" / "state"
    damaged(folder)
    code = """
import sys
from pathlib import Path
from streams.errors import Fatal
from streams.lanes.join.rocks_store import RocksStores
store = RocksStores(Path(sys.argv[1])).of(3)
try:
    store.open("x")
    print(len(store.visit(b"a")) if sys.argv[2] == "visit" else len(list(store.deadlines())))
except Fatal as met:
    print(met.exit_code, "visit.state" in str(met))
"""
    told = subprocess.run([sys.executable, "-c", code, folder, read], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == f"{int(Exit.STORE)} True"
    stores = RocksStores(folder)
    assert stores.of(3).open("x") == 0, "the next start must not meet the same damage again"
    asyncio.run(stores.close())


def test_damage_that_is_met_at_the_start_is_no_lock_of_another_worker(tmp_path, monkeypatch):
    """`block` has `lock` in it, and so may a folder's name."""
    made = rocks_store.Rdict

    def broken_once(path, options):
        monkeypatch.setattr(rocks_store, "Rdict", made)
        raise Exception(f"Corruption: block checksum mismatch in {path}/MANIFEST-000001")  # noqa: TRY002 - as the binding does

    monkeypatch.setattr(rocks_store, "Rdict", broken_once)
    stores = RocksStores(tmp_path / "locked" / "state")
    assert stores.of(3).open("x") == 0
    asyncio.run(stores.close())


def test_a_folder_that_cannot_be_written_ends_the_worker_with_its_own_code(tmp_path):
    """The supervisor starts it again; what a person must do stands in the message."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Fatal, match=r"free or mend the disk") as met:
        RocksStores(tmp_path / "file" / "state")
    assert met.value.exit_code == Exit.STORE


def test_a_folder_that_is_gone_hinders_no_stop(tmp_path):
    """A worker that was asked to stop must not report a failure because of a copy."""
    stores = RocksStores(tmp_path / "state")
    stores.of(3).write({b"a\x1fv\x1f1": b"r1"}, {}, position=1)
    shutil.rmtree(tmp_path / "state")
    asyncio.run(stores.close())


def test_a_store_that_fails_while_it_works_ends_the_worker(tmp_path):
    """A change that cannot be kept must not be believed to be."""
    stores = RocksStores(tmp_path / "state")
    store = stores.of(3)
    asyncio.run(stores.close())
    shutil.rmtree(tmp_path / "state")
    with pytest.raises(Fatal, match=r"visit\.state") as met:
        store.write({b"a\x1fv\x1f1": b"r1"}, {}, position=1)
    assert met.value.exit_code == Exit.STORE


LINE = b"V1\x1ff\x1fhis\x1fh.charge\x1f"


def test_a_copy_of_before_is_found_through_an_index_that_is_made_of_it(stores):
    """Reading all of the changelog again for it would take minutes in which nothing is reported."""
    store = stores.of(3)
    store.open("x")
    entries = {LINE + b"%d" % one: b'r[{"settle_no":"S%d"}]' % (one % 10) for one in range(100)} | {LINE + b"h": HELD[0]}
    store.write(entries, {}, position=57)
    changelog = Changelog([(None, None)] * 57)
    state = State(AT, stores.of(3), index=Index(mappings()))
    assert 0 == catch_up(state, changelog)
    assert {LINE + b"%d4" % ten for ten in range(1, 10)} | {LINE + b"4"} == set(state.lines_under(b"V1", "S4"))
    assert {LINE + b"h"} == set(state.refunds(b"V1"))
    unlinked = Index({"his": mappings()["clinic"]})
    assert 0 == catch_up(State(AT, stores.of(3), index=unlinked), changelog)
    assert [] == store.found(b"l")


def test_of_a_long_stay_only_what_is_asked_for_is_read(stores):
    """A line of a stay of months must not cost a look at all the others."""
    state = State(AT, stores.of(3), index=Index(mappings()))
    catch_up(state, Changelog([]))
    state.apply({LINE + b"%d" % one: b"r1" for one in range(1_000)}, position=1_000)
    assert (b"r1", None) == (state.get(LINE + b"7"), state.get(LINE + b"x"))
    state.apply({LINE + b"7": b"r2", LINE + b"x": b"r3"}, position=1_002)
    assert (b"r2", b"r3", 1_001) == (state.get(LINE + b"7"), state.get(LINE + b"x"), len(state.of_role(b"V1", TableRole.FEE)))
    state.apply({LINE + b"7": None}, position=1_003)
    assert (None, 1_000) == (state.get(LINE + b"7"), len(state.of_role(b"V1", TableRole.FEE)))

"""A letter of the join says which row it is of, not where the fold happened to be: a person looks there, a replay begins there."""

from dataclasses import replace

import orjson
import pytest

from streams.deadletter.record import encode_dead_letter, letter_id, record_key_hash
from streams.domain.join.entries import dump, key_of, load
from streams.domain.join.fold import Joiner
from streams.domain.keys import VisitKey
from streams.domain.violations import DeadClass
from tests.unit.streams.domain.join.join_rig import CHARGE, LIMITS, VISIT, Join, envelope, mappings, whole

CERTNO = "51010219381005541X"


def headers(letter):
    return {name: value.decode() for name, value in encode_dead_letter(letter)[2]}


def row_of(letter):
    """What the headers say of the row, in the order of the documentation."""
    told = headers(letter)
    return tuple(told[f"x-dlq-{name}"] for name in ("source", "table", "row-key", "visit-key", "position", "record-key"))


def test_a_letter_names_its_row_and_the_rows_own_message():
    """By the record alone nobody finds a row whose key is another one than the report's."""
    join = whole(Join())
    join.change("h.charge", charge_id="C2", level="?", at=207)
    (letter,) = join.dead
    assert row_of(letter) == ("his", "h.charge", "C2", "V1", "207", "C2")
    assert headers(letter)["__connect.errors.offset"] == f"{join.offset}"
    assert orjson.loads(letter.value)["row"] == {
        "source": "his",
        "table": "h.charge",
        "key": ["C2"],
        "position": "207",
        "record_key": "C2",
    }


def test_a_row_that_another_row_makes_fail_is_told_by_its_own_message():
    """Read again from there, the visit's message would give the visit, and the line stay as it is."""
    join = whole(Join())
    join.change("h.visit", "u", insu_id="X" * 40)
    (letter,) = join.dead
    assert row_of(letter)[1:5] == ("h.charge", "C1", "V1", "103")
    assert (letter.topic, letter.partition, letter.offset) == ("visit.changes", 0, 3)
    assert join.offset == 4


def test_a_row_that_time_makes_fail_is_told_by_its_own_message():
    """A tick holds nothing that could be read again."""
    join = Join()
    join.change("h.settle")
    join.tick(after_ms=LIMITS.wait_ms)
    (letter,) = join.dead
    assert (letter.dead_class, letter.offset, join.offset) == (DeadClass.JOIN_INCOMPLETE, 1, 2)
    assert row_of(letter) == ("his", "h.settle", "S1", "V1", "101", "S1")


def test_a_row_that_changed_while_it_waited_is_told_by_its_last_message():
    """The earlier one holds what is no longer true."""
    join = Join()
    join.change("h.settle")
    join.change("h.settle", "u", total="30.00")
    join.tick(after_ms=LIMITS.wait_ms)
    assert (join.dead[0].offset, row_of(join.dead[0])[4]) == (2, "102")


def test_a_deleted_row_is_told_by_its_delete():
    """That is when the record was withdrawn; what was reported stands in the letter itself."""
    join = whole(Join())
    join.change("h.charge", "d")
    (letter,) = join.dead
    assert row_of(letter) == ("his", "h.charge", "C1", "V1", "104", "C1")
    assert (letter.offset, orjson.loads(letter.value)["rows"]["fee"]) == (4, CHARGE)


def test_a_change_that_is_sent_again_is_told_by_the_message_that_was_folded():
    """It changes nothing, so it is not what the row's state comes from."""
    join = Join()
    join.change("h.settle")
    join.send(envelope("h.settle", "c", {"settle_no": "S1", "visit_id": "V1"} | _settle(), at=101))
    join.tick(after_ms=LIMITS.wait_ms)
    assert join.dead[0].offset == 1


def _settle():
    return {"org": "H", "settled_at": "2024-05-01T12:00:00Z", "total": "20.00", "paid_by": "cash"}


@pytest.mark.parametrize(
    ("table", "op", "columns", "expected"),
    [
        ("h.charge", "c", {"visit_id": None}, ("his", "h.charge", "C1", "", "7", "")),
        ("h.charge", "c", {"charge_id": None}, ("his", "h.charge", "", "V1", "7", "")),
        ("h.gone", "c", {}, ("his", "h.gone", "", "", "7", "")),
        ("h.charge", "t", {}, ("his", "h.charge", "", "", "7", "")),
    ],
)
def test_a_change_without_a_place_says_what_it_has(table, op, columns, expected):
    """It is found by what is there; nothing is made up for what is not."""
    join = Join()
    join.send(envelope(table, op, CHARGE | columns, at=7))
    assert row_of(join.dead[0]) == expected
    assert join.dead[0].offset == 1


def test_rows_of_a_snapshot_on_demand_have_no_position():
    """They stand nowhere in the log."""
    join = Join()
    join.send(envelope("h.charge", "r", CHARGE | {"level": "?", "settle_no": "S9"}, at=None))
    join.send(envelope("h.charge", "r", CHARGE | {"visit_id": None}, at=None))
    assert row_of(join.dead[0])[4] == ""


def test_bytes_that_nobody_could_read_are_of_no_row_that_is_known():
    """Every letter has the same headers."""
    join = Join()
    join.send(b"?")
    assert row_of(join.dead[0]) == ("", "", "", "", "", "")


def test_what_an_earlier_version_did_not_remember_is_empty_and_not_the_ticks():
    """A wrong offset is worse than none: a replay would read another row's message and call the matter closed."""
    join = Join()
    join.change("h.settle")
    ((key, value),) = join.visit(b"V1").items()
    row = load(key, value)
    join.entries[b"V1"][key] = dump(row._replace(offset=None))
    join.tick(after_ms=LIMITS.wait_ms)
    told = headers(join.dead[0])
    assert (told["__connect.errors.topic"], told["__connect.errors.offset"]) == ("visit.changes", "")
    assert row_of(join.dead[0])[4] == "101"


def test_the_records_key_is_the_one_that_the_platform_knows():
    """Of a withdrawn record a person must tell the platform its key there, which need not be the row's."""
    mapping = mappings()["his"]
    compiled = next(one for one in mapping.records.values() if one.key == "SETL_ID")
    steps = tuple(step._replace(convert=lambda raw: f"2024-{raw}") if step.name == "SETL_ID" else step for step in compiled.steps)
    join = joined(replace(mapping, records={**mapping.records, compiled.service: replace(compiled, steps=steps)}))
    join.change("h.settle")
    join.tick(after_ms=LIMITS.wait_ms)
    (letter,) = join.dead
    assert row_of(letter)[2:] == ("S1", "V1", "101", "2024-S1")
    assert headers(letter)["x-dlq-record-key-hash"] == record_key_hash("setl_d", "2024-S1")
    assert letter_id(letter) == letter_id(replace(letter, row=replace(letter.row, record_key="S1", position="9"), offset=7))


# Keys that are somebody's --------------------------------------------------------------------------------------------------------


def joined(mapping):
    """A partition whose visits are mapped so."""

    class Other(Join):
        def send(self, value):
            folded = Joiner({"his": mapping}, LIMITS, zone=mapping.dialect.zone).fold(self.incoming(value), self, self)
            for key, entry in folded.state.items():
                self.entries[key.partition(b"\x1f")[0]][key] = entry
            self.dead += folded.dead
            return folded

    return Other()


def test_a_key_that_looks_like_a_persons_number_is_in_no_header():
    """Some hospitals count their visits by identity card. The letter's content, which is protected, has it all."""
    join = Join()
    join.change("h.visit", visit_id=CERTNO, org="?")
    (letter,) = join.dead
    assert row_of(letter) == ("his", "h.visit", "***", "***", "101", "***")
    assert CERTNO not in f"{headers(letter)}"
    assert orjson.loads(letter.value)["row"]["key"] == [CERTNO]


def test_a_key_that_the_mapping_reports_as_a_persons_is_in_no_header():
    """A passport or a card has no shape by which it could be known; the mapping says what the column holds."""
    mapping = mappings()["his"]
    tables = {**mapping.tables, "h.visit": replace(mapping.tables["h.visit"], key=("card",), visit_key=VisitKey(("card",)))}
    join = joined(replace(mapping, tables=tables))
    join.send(envelope("h.visit", "c", VISIT | {"card": "E1234", "org": "?"}, at=7))
    join.send(envelope("h.visit", "c", {"card": "E1234"}, at=8))
    join.send(envelope("h.charge", "c", CHARGE | {"visit_id": "E1234", "org": "?"}, at=9))
    assert [row_of(letter)[2:4] for letter in join.dead] == [("***", "***"), ("***", "***"), ("C1", "***")]
    assert [letter for letter in join.dead if "E1234" in f"{headers(letter)}"] == []


def test_a_record_key_that_the_mapping_reports_as_a_persons_is_in_no_header():
    """The same number may have two names in the interface, too."""
    mapping = mappings()["his"]
    compiled = next(one for one in mapping.records.values() if one.key == "MDTRT_ID")
    join = joined(replace(mapping, records={**mapping.records, compiled.service: replace(compiled, personal=compiled.key_from)}))
    join.change("h.visit", org="?")
    assert row_of(join.dead[0])[2:] == ("***", "***", "101", "***")


def test_control_characters_of_a_key_do_not_reach_a_terminal():
    """A terminal obeys them."""
    join = Join()
    join.change("h.charge", charge_id="C\x1b[2J", org="?")
    assert row_of(join.dead[0])[2] == "C\ufffd[2J"
    assert key_of(b"V1", join.rows()[0].role, "his", "h.charge", ("C\x1b[2J",)) in join.entries[b"V1"]

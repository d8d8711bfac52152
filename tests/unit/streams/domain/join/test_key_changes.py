"""A record whose key changes without its row's: by the row that it reads the key from, or in the moment in which it moves.

The platform then holds two records for one charge, and one of them must be taken back by a person.
"""

import shutil
from dataclasses import replace

import orjson
import pytest

from streams.domain.changes import Incoming
from streams.domain.join.fold import Joiner
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.keys import VisitKey
from streams.domain.place.fold import Placer
from streams.mapping import compile_site, load_site
from tests.unit.streams.domain.join.join_rig import CHARGE, DAY_MS, ITEM, LIMITS, SITE, Join, envelope, whole

GRACE_MS = 10_000
PATIENT = replace(LIMITS, withdrawals=WithdrawalLimits(grace_ms=GRACE_MS))
RENAMED = "WITHDRAWN KEY_CHANGED_AFTER_REPORT"


@pytest.fixture
def of_the_visit(tmp_path):
    """A site in which a settlement's number stands in the row of its visit."""
    shutil.copytree(SITE.parent, tmp_path, dirs_exist_ok=True)
    written = tmp_path / "many.yaml"
    text = written.read_text(encoding="utf-8").replace("SETL_ID: bill_no\n", "SETL_ID: {column: card, of: visit}\n")
    written.write_text(text, encoding="utf-8")
    mappings = compile_site(load_site(tmp_path / "site.yaml"))
    join = Join(limits=PATIENT, joiner=Joiner(mappings, PATIENT, zone=mappings["many"].dialect.zone))
    for table in ("m.register", "m.bill"):
        join.change(table, tx=1)
    return join


def test_a_record_whose_key_stands_in_its_visit_and_changes_there_is_withdrawn_and_reported(of_the_visit):
    """Nothing changed in the settlement's own row; the platform holds it under both numbers."""
    join = of_the_visit
    join.change("m.register", "u", tx=7, card="K2")
    join.tick(after_ms=GRACE_MS)
    assert (["mdtrt_d R1", "setl_d K1", "mdtrt_d R1", "setl_d K2"], [RENAMED]) == (join.reported(), join.letters())
    assert "K1" == join.dead[0].row.record_key


def test_a_key_that_changes_back_in_time_is_told_of_the_other_one_alone(of_the_visit):
    """The platform is told the present content under the first number again."""
    join = of_the_visit
    for tx, card in ((7, "K2"), (8, "K1")):
        join.change("m.register", "u", tx=tx, card=card)
    join.tick(after_ms=DAY_MS)
    assert (["setl_d K1", "setl_d K2"], [RENAMED]) == ([one for one in join.reported() if "setl" in one], join.letters())
    assert "K2" == join.dead[0].row.record_key


def test_a_row_that_leaves_for_another_visit_as_another_record_is_told_as_both():
    """One update of visit and number. The other visit reports the new one; nobody else knows of the old."""
    join = Join(limits=PATIENT)
    for table in ("m.register", "m.bill"):
        join.change(table, tx=1)
    join.change("m.numbered_item", tx=2)
    before, after = ITEM | {"row_id": "1"}, ITEM | {"row_id": "1", "visit_id": "V2", "item_id": "I2"}
    update = envelope("m.numbered_item", "u", after, at=900, before=before, txId=7)
    placer = Placer({("many", "m.numbered_item"): VisitKey(("visit_id",))}, partitions=1)
    left, _ = placer.fold(Incoming("rows.many", 0, 0, b'{"row_id":"1"}', update, (), join.now), source="many").placed
    join.send(left.value)
    assert [] == join.recalled(), "what comes back in time is not sent again, so it must not be dropped"
    join.tick(after_ms=GRACE_MS)
    assert (["mdtrt_d R1", "setl_d B1", "fee_list_d I1"], [RENAMED]) == (join.reported(), join.letters())
    assert ["V1 fee_list_d I1"] == join.recalled()
    assert ("/I1" in join.dead[0].message, "/I2" in join.dead[0].message) == (True, True)


def test_a_row_that_leaves_for_another_visit_as_the_same_record_is_told_to_nobody():
    """The other visit reports it."""
    join = Join(limits=PATIENT)
    for table in ("m.register", "m.bill", "m.item"):
        join.change(table, tx=1)
    left = orjson.loads(envelope("m.item", "d", ITEM, at=900, txId=7)) | {"yibao": "left", "now": ITEM | {"visit_id": "V2"}}
    join.send(orjson.dumps(left))
    join.tick(after_ms=DAY_MS)
    assert [] == join.letters()


def test_lines_that_exchange_their_keys_in_one_statement_are_both_reported_and_nobody_is_told():
    """The delete of the line that had a key before comes behind the create of the one that has it now. However often capture sends
    them, and wherever a worker takes over between them.
    """
    join = whole(Join(limits=PATIENT))
    join.change("h.charge", charge_id="C2", item="头孢", tx=1)
    for _ in range(2):
        for op, line, item, at in (
            ("d", "C1", "青霉素", 900),
            ("c", "C2", "青霉素", 900),
            ("d", "C2", "头孢", 901),
            ("c", "C1", "头孢", 901),
        ):
            join.send(envelope("h.charge", op, CHARGE | {"charge_id": line, "item": item}, at=at, txId=7))
    join.tick(after_ms=DAY_MS)
    names = {key: orjson.loads(value)["HILIST_NAME"] for (service, _, key), value in join.last().items() if service == "fee_list_d"}
    assert ({"C1": "头孢", "C2": "青霉素"}, []) == (names, join.letters())
    assert (2, 2, 4) == (join.counts["keys_exchanged"], join.counts["corrected"], join.counts["repeated_change"])
    assert {None} == {row.beneath for row in join.rows()}

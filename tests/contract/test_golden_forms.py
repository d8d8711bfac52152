"""What earlier versions left in topics, offsets and on disk is read by this one, and what a later one adds is recognised.

`golden/<format>_v<form>.json` holds bytes as the version wrote them that made the form (form 1: the first version in use). A site
is updated with its state in place: a version that cannot read one of these files stops it at every start. The files of earlier
forms are never changed.
"""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import orjson
import pytest

from connector.contract import Mark
from connector.facts import facts_of
from streams.deadletter.document import masked_document
from streams.deadletter.owners import OF_RULES
from streams.deadletter.record import FORM as LETTER_FORM
from streams.deadletter.record import read_dead_letter
from streams.deliver.receipt import FORM as RECEIPT_FORM
from streams.deliver.receipt import decode_receipt, encode_receipt
from streams.domain.again import again
from streams.domain.changes import Incoming
from streams.domain.join import reversals
from streams.domain.join.entries import FORM as ENTRY_FORM
from streams.domain.join.entries import dump, load, waits
from streams.domain.join.replaying import Resent
from streams.domain.join.replaying import load as load_resent
from streams.domain.join.tallies import Tally, load_head
from streams.domain.join.tallies import load as load_tally
from streams.domain.place import entries
from streams.domain.place.entries import AWAITED_FORM, CLAIMS_FORM
from streams.domain.place.entries import FORM as PLACED_FORM
from streams.domain.ready import FORM as READY_FORM
from streams.domain.ready import decode, headers_of, recalls_in
from streams.domain.replay import is_anew
from streams.errors import Newer
from streams.lanes.join.rocks_store import RocksStores
from streams.replay.plan import load as load_plan
from streams.topics.audit import digest_of
from streams.topics.audit import load as load_audit
from streams.topics.binding import in_force
from streams.topics.control import load as load_control
from streams.topics.steering import Orders, dump_window
from tests.contract import join_course, place_course

GOLDEN = Path(__file__).parent / "golden"


def golden(name):
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def each(*names):
    """One test for each thing in these files."""
    return pytest.mark.parametrize(
        "one", [pytest.param(one, id=f"{name}: {one['name']}") for name in names for one in golden(name)]
    )


def as_far_as(told, expected):
    """The members that the file names: later versions give things more of them, also within."""
    found = {name: told[name] for name in expected}
    return found | {"trail": found["trail"][: len(expected["trail"])]} if found.get("trail") else found


@pytest.fixture(scope="module")
def course():
    return join_course.course()


# State entries ------------------------------------------------------------------------------------------------------------------


@each(*(f"state_entries_v{form}" for form in range(1, ENTRY_FORM)))
def test_a_state_entry_is_read(one):
    """What was reported of a visit is known only from here: unread, the visit is reported again."""
    row = join_course.read(one["key"].encode(), one["value"].encode())
    assert one["row"] == json.loads(json.dumps(as_far_as(row._asdict(), one["row"])))


def test_state_entries_are_written_as_this_version_promises(course):
    """What later versions will have to read."""
    written = {"state_entries_v4": [course], "state_entries_v6": [join_course.exchanged()]}
    written |= {"state_entries_v10": [join_course.moved(), join_course.claimed(), join_course.changed()]}
    written |= {"state_entries_v9": [join_course.summed()]}
    told = []
    for name, joins in written.items():
        for one, other in zip(golden(name), [one for join in joins for one in join_course.entries(join)], strict=True):
            assert one["key"] == other["key"]
            if other["row"].get("letter") and name in ("state_entries_v4", "state_entries_v6"):
                told.append(other)  # written in form 8 since; nothing else of it is another
                assert one["row"] == json.loads(json.dumps(as_far_as(other["row"], one["row"])))
            else:
                assert one["value"] == other["value"]
    assert [(one["key"], one["value"]) for one in golden("state_entries_v8")] == [(one["key"], one["value"]) for one in told]


def test_the_sums_of_settlements_are_read_and_written_as_this_version_promises():
    """Sums that began at nothing under an update would warn of settlements that are right, and hide those that are not."""
    (head, *sums), (written_head, *written) = golden("state_entries_v11"), join_course.tallies(join_course.tallied())
    assert [{"name": one["name"]} | other for one, other in zip(sums, written, strict=True)] == sums
    assert head["key"] == written_head["key"]
    assert head["means"]["made_by"] == load_head(head["value"].encode())
    for one in sums:
        value = one["value"].encode()
        assert Tally(**one["means"]) == load_tally(value)
        with pytest.raises(Newer, match=r"sums of settlements in visit\.state \(form 12"):
            load_tally(value.replace(b"[11,", b"[12,"))


@each("reversal_entries_v1")
def test_a_reversed_settlement_that_is_to_be_judged_is_read_and_written_as_this_version_promises(one):
    """Rule R25. Unread, nobody would hear that it stands alone."""
    key, value = one["key"].encode(), one["value"].encode()
    assert (one["means"], one["value"]) == (reversals.load(value), reversals.dump(one["means"]).decode())
    assert (key, True) == (reversals.key_of(reversals.row_of(key)), reversals.is_reversal(key))
    with pytest.raises(Newer, match=r"a reversed settlement in visit\.state \(form 2"):
        reversals.load(value.replace(b"[1]", b"[2]"))


@each("resent_entries_v1", "resent_entries_v2")
def test_how_a_record_was_handed_on_is_read(one):
    """Unread, what the platform refused could go twice, or never again."""
    assert Resent(*one["means"]) == load_resent(one["value"].encode())


def test_how_records_were_handed_on_is_written_as_this_version_promises(course):
    """Of rows that were touched since, or whose record another row's change made."""
    written = join_course.handed_on(course)
    assert {one["key"]: one["value"] for one in golden("resent_entries_v2")} == written


@each("state_entries_v1")
def test_an_entry_of_the_first_form_is_written_in_todays_with_no_offset(one):
    """Nobody knows the offset of the row's message; a number that is made up would lead to another row's."""
    value = one["value"].encode()
    row = load(one["key"].encode(), value)
    assert row == load(one["key"].encode(), dump(row))
    assert row.offset is None
    assert waits(value) == waits(dump(row))


@each("state_entries_v1", "state_entries_v2")
def test_a_row_of_an_earlier_form_is_known_by_its_last_change(one):
    """Capture sends changes again after an update, too; but what was committed later is new wherever it stands in the log."""
    row = load(one["key"].encode(), one["value"].encode())
    (place,), moment = row.position, row.committed_at * 1000
    step = 0 if row.deleted else 1
    assert again(Mark((place, step), moment + 999), row.mark)
    assert again(Mark((place - 1, 1), moment), row.mark)
    assert not again(Mark((place, step + 1), moment), row.mark)
    assert not again(Mark((place - 1, 1), moment + 1_000), row.mark)
    assert row == load(one["key"].encode(), dump(row))


@each("state_entries_v3")
def test_an_entry_without_its_record_stays_as_it_was(one):
    """Which record a row was reported as is told by its columns until it is reported again."""
    key = one["key"].encode()
    row = load(key, one["value"].encode())
    assert (row, "") == (load(key, dump(row)), row.reported_as)


@each("state_entries_v5", "state_entries_v6")
def test_an_entry_of_a_later_form_is_refused(one):
    """Written back without what was added to it, it would have lost it."""
    begin = one["value"].index("[")
    form = json.loads(one["value"][begin:])[0]
    later = one["value"].replace(f"[{form},", f'[{ENTRY_FORM + 1},"added",', 1)
    with pytest.raises(Newer, match=rf"in visit\.state \(form {ENTRY_FORM + 1}.*newer version.*upgrade\.md"):
        join_course.read(one["key"].encode(), later.encode())


# Entries of the place stage ----------------------------------------------------------------------------------------------------


@each("place_entries_v1", "place_entries_v2")
def test_an_entry_of_the_place_stage_is_read_and_written(one):
    """Where a line hangs is known only from here: unread, it would be in no visit when its bill moves."""
    key, value = one["key"].encode(), one["value"].encode()
    if not entries.is_row(key):
        assert entries.THERE == value
        return
    entry = entries.load(key, value)
    assert one["entry"] == json.loads(json.dumps(as_far_as(plain(entry), one["entry"])))
    assert value == entries.dump(entry)
    assert one["entry"]["deadline"] == entries.due_from(value)


def plain(entry):
    return {name: dict(value) if name in ("columns", "source", "carried") else value for name, value in entry._asdict().items()}


def test_entries_of_the_place_stage_are_written_as_this_version_promises():
    """What later versions will have to read, each kind of key among them."""
    written = {"place_entries_v1": place_course.entries(), "place_entries_v2": place_course.entries(place_course.EXCHANGED, tx=501)}
    written |= {"place_entries_v3": place_course.claims(), "place_entries_v4": place_course.ended()}
    written |= {"place_entries_v5": place_course.awaited()}
    for name, found in written.items():
        expected = {one["key"]: one["value"] for one in golden(name)}
        assert expected == {key.decode(): value.decode() for key, value in found.items() if value is not None}


def test_claims_that_stand_in_the_state_are_known():
    """Unread, two visits would overwrite each other's record after an update."""
    assert "w.inpatient/7" == place_course.first_claimant(golden("place_entries_v3"))


def test_claims_that_ended_are_known():
    """Unread, a row that was deleted before an update and comes again after it was elsewhere, or was not, and nobody knows."""
    assert ["I17", "O17"] == place_course.ended_in(golden("place_entries_v4"))


def test_rows_that_are_awaited_are_known():
    """Unread, a row that is read for its letters would come without them, and one that is gone would close none."""
    told = place_course.awaited_in(golden("place_entries_v5"))
    assert {key: ("9f8e7d6c", (tuple(letter),)) for key, letter in zip("123", place_course.LETTERS, strict=True)} == told


def test_an_entry_of_the_place_stage_of_a_later_form_is_refused():
    """Written back without what was added to it, it would have lost it."""
    one = next(one for one in golden("place_entries_v2") if f"[{PLACED_FORM}," in one["value"])
    later = one["value"].replace(f"[{PLACED_FORM},", f'[{PLACED_FORM + 1},"added",', 1)
    with pytest.raises(Newer, match=rf"in place\.state \(form {PLACED_FORM + 1}.*newer version"):
        entries.load(one["key"].encode(), later.encode())
    later_claims = [
        one | {"value": one["value"].replace(f"[{CLAIMS_FORM},", f"[{CLAIMS_FORM + 1},")} for one in golden("place_entries_v3")
    ]
    with pytest.raises(Newer, match=rf"in place\.state \(form {CLAIMS_FORM + 1}.*newer version"):
        place_course.first_claimant(later_claims)
    later_orders = [
        one | {"value": one["value"].replace(f"[{AWAITED_FORM},", f"[{AWAITED_FORM + 1},")} for one in golden("place_entries_v5")
    ]
    with pytest.raises(Newer, match=rf"in place\.state \(form {AWAITED_FORM + 1}.*newer version"):
        place_course.awaited_in(later_orders)


# Dead letters -------------------------------------------------------------------------------------------------------------------


def view(one):
    headers = [(name, content.encode()) for name, content in one["headers"].items()]
    key, value = (None if content is None else content.encode() for content in (one["key"], one["value"]))
    return read_dead_letter(Incoming("visit.dead", 3, 7, key, value, tuple(headers), 0))


@each("dead_letters_v1", "dead_letters_v2")
def test_a_dead_letter_is_read(one):
    """Letters are kept for more than a year; whoever mends them has the version of that day."""
    letter, said = view(one), one["headers"]
    assert (letter.dead_class, letter.rule) == (said["x-dlq-class"], said["x-dlq-rule"])
    assert (letter.id, letter.record_key_hash) == (said["x-dlq-id"], said["x-dlq-record-key-hash"])
    row = (letter.form, letter.row_source, letter.row_table, letter.row_key, letter.visit_key, letter.position, letter.record_key)
    names = ("source", "table", "row-key", "visit-key", "position", "record-key")
    assert row == (int(said.get("x-dlq-form", 1)), *(said.get(f"x-dlq-{name}", "") for name in names))
    shown = masked_document(letter)
    assert bool(shown.rows) == ('"rows"' in one["value"])


def test_letters_are_written_as_this_version_promises(course):
    """One of each class of the join, and of each way into it. The mapping's own version is not the form's."""
    expected, written = golden("dead_letters_v2"), join_course.letters(course)
    for one, other in zip(expected, written, strict=True):
        if one["headers"]["x-dlq-mapping-version"]:
            one["headers"]["x-dlq-mapping-version"] = other["headers"]["x-dlq-mapping-version"]
        if one["headers"]["x-dlq-rule"] in OF_RULES:  # who mends it was corrected; readers take it as it is said
            one["headers"]["x-dlq-owner"] = OF_RULES[one["headers"]["x-dlq-rule"]]
            for name in ("x-dlq-message", "__connect.errors.exception.message"):  # the row is named; before, its lookup was
                one["headers"][name] = one["headers"][name].replace("：patient", "：h.patient.patient_id=P4")
        # What a later version says more, with nothing taken away, needs no form of its own.
        more = {name: other["headers"].pop(name) for name in ("x-dlq-field", "x-dlq-cause")}
        assert one == other
        assert [] == [value for value in more.values() if "*" in value]
    classes = {one["headers"]["x-dlq-class"] for one in written}
    assert {
        "DECODE",
        "SCHEMA_DRIFT",
        "MAPPING",
        "DICTIONARY",
        "VALIDATION",
        "OVERSIZE",
        "JOIN_INCOMPLETE",
        "WITHDRAWN",
    } == classes


def test_a_failure_that_was_told_by_an_earlier_version_has_the_same_id():
    """Capture repeats changes after an update, too: a failure must not be counted, mended or sent again as another one."""
    first, second = ({one["name"]: one["headers"]["x-dlq-id"] for one in golden(f"dead_letters_v{form}")} for form in (1, 2))
    assert first == second
    assert len(set(second.values())) == len(second)


def test_a_letter_of_a_later_form_is_read_as_far_as_it_is_known():
    """It is shown, not lost; who shows it says that there is more."""
    one = golden("dead_letters_v2")[0]
    one["headers"] |= {"x-dlq-form": str(LETTER_FORM + 1), "x-dlq-added": "more"}
    letter = view(one)
    assert (letter.form, letter.dead_class) == (LETTER_FORM + 1, "DECODE")


# Ready records ------------------------------------------------------------------------------------------------------------------


def message(one, **more):
    headers = {**one["headers"], **more}.items()
    told = tuple([(name, content.encode()) for name, content in headers])
    return Incoming("visit.ready", 3, 40, one["key"].encode(), one["value"].encode(), told, 1_714_700_000_400)


@each("ready_records_v1", "ready_records_v2", "ready_records_v2_anew")
def test_a_ready_record_is_read(one):
    """What the join wrote before an update is delivered after it."""
    record, said = decode(message(one)), one["headers"]
    assert (record.number, record.service, record.record_key) == (int(said["seq"]), said["service"], said["record-key"])
    assert (record.content_hash, record.position) == (said["content-hash"], said["position"])
    assert record.captured_at == int(said.get("captured-at", said["committed-at"]))


def test_ready_records_are_written_as_this_version_promises(course):
    """What later versions of the deliver stage will meet."""
    made = {"ready_records_v1": (golden("ready_records_v1")[:-1], course.ready)}
    made["ready_records_v2"] = golden("ready_records_v2"), course.recalls
    for expected, emissions in made.values():
        for number, (one, other) in enumerate(zip(expected, join_course.ready(emissions), strict=True), start=1):
            one["headers"]["mapping-version"] = other["headers"]["mapping-version"]
            assert one == {"name": f"number {number}", **other}


def test_what_was_made_anew_is_written_as_this_version_promises():
    """Unread, versions that a person found wrong are posted all the same."""
    join = join_course.made_anew()
    for one, other in zip(golden("ready_records_v2_anew"), join_course.ready([*join.ready[3:], *join.recalls]), strict=True):
        one["headers"]["mapping-version"] = other["headers"]["mapping-version"]
        assert one == {"name": one["name"], **other}


def test_what_was_made_anew_is_told_from_what_was_not():
    """A word on a record names the version that is still right, and no word closes a letter."""
    records = [decode(message(one)) for one in golden("ready_records_v2_anew")]
    assert all(is_anew(record.added) for record in records)
    assert not any(is_anew(decode(message(one)).added) for one in golden("ready_records_v2"))
    assert [(one.record_key, bool(one.content_hash)) for one in recalls_in(records)] == [("C1", True), ("V1", False)]


def test_a_recall_is_told_from_a_record():
    """Posted, it would be an empty record."""
    records = [decode(message(one)) for one in (*golden("ready_records_v1"), *golden("ready_records_v2"))]
    assert [record for record in records if not record.value] == recalls_in(records) != []


def test_a_header_that_a_later_version_added_is_carried_on():
    """It may be ignored by who delivers, and must be there for who sends the record again out of its dead letter."""
    later = message(golden("ready_records_v1")[0], added="more", form=f"{READY_FORM}")
    record = decode(later)
    assert later.headers == headers_of(record)
    assert (("added", b"more"), ("form", b"2")) == record.added


@pytest.mark.parametrize("place", ["behind", "instead of a time", "among others"])
def test_a_ready_record_of_a_later_form_is_refused(place):
    """It may be one that must not be delivered like any other; what it must be stands where this version does not look."""
    one = golden("ready_records_v1")[0]
    if place != "behind":
        del one["headers"]["captured-at"]
    if place == "among others":
        del one["headers"]["infno"]
    with pytest.raises(Newer, match=rf"offset 40 \(form {READY_FORM + 1};"):
        decode(message(one, form=f"{READY_FORM + 1}"))


# Receipts -----------------------------------------------------------------------------------------------------------------------


@each("receipts_v1", "receipts_v1_key")
def test_a_receipt_is_read(one):
    """The ledger of a year; other programs read it, too."""
    found, said = decode_receipt(one["value"].encode()), json.loads(one["value"])
    told = asdict(found)
    lines = told.pop("records")
    assert said == {**as_far_as(told, said.keys() - {"records"}), "records": [*map(as_far_as, lines, said["records"])]}
    assert one["key"] == encode_receipt(found)[0].decode()


def test_receipts_are_written_as_this_version_promises():
    """To the last byte: other programs are written from them."""
    value = golden("receipts_v1_key")[0]["value"].encode()
    assert value == encode_receipt(decode_receipt(value))[1]


def test_a_receipt_of_a_later_form_is_refused_and_not_passed_over():
    """Counted as any other, or not at all, it would falsify what the platform has."""
    said = json.loads(golden("receipts_v1")[0]["value"]) | {"form": RECEIPT_FORM + 1}
    with pytest.raises(Newer, match="newer version"):
        decode_receipt(orjson.dumps(said))


# Bindings -----------------------------------------------------------------------------------------------------------------------


@each("site_bindings_v1", "site_bindings_v1_institutions")
def test_a_binding_is_read(one):
    """It is written once and asked for ever: a version that could not read it would stop every worker of the site."""
    found, said = in_force([one["value"].encode()]), json.loads(one["value"])
    parts = {"platform": found.identity.platform, "site": found.identity.site, "prefix": found.identity.prefix, "mark": found.mark}
    assert as_far_as(said, parts) == parts
    assert {name: source["address"] for name, source in said["sources"].items()} == found.identity.sources
    assert said.get("institutions", {}) == found.identity.institutions
    assert one["key"] == found.entry.id


def test_bindings_are_written_as_this_version_promises():
    """To the last byte: an earlier version goes by them, too."""
    value = golden("site_bindings_v1_institutions")[0]["value"].encode()
    assert value == in_force([value]).dump()


# The audit log ------------------------------------------------------------------------------------------------------------------


def test_audit_entries_are_read_and_written_as_this_version_promises():
    """To the last byte: their digests are over those, and an export is held against them years later."""
    values = [one["value"].encode() for one in golden("audit_entries_v1")]
    entries = [load_audit(value) for value in values]
    assert values == [entry.dump() for entry in entries]
    assert digest_of(values[0]) == entries[1].before
    assert [one["key"] for one in golden("audit_entries_v1")] == [entry.id for entry in entries]


# Controls -----------------------------------------------------------------------------------------------------------------------


@each("controls_v1")
def test_a_control_is_read_and_written_as_this_version_promises(one):
    """Whether a source stands is known from nowhere else: unread, its wrong rows would go out."""
    control = load_control(one["value"].encode())
    assert (one["key"], one["name"] == "stopped") == (control.source, control.stopped)
    assert one["value"].encode() == control.dump()
    assert control.facts == facts_of(control.facts).document()


@each("orders_v1")
def test_an_order_is_read_and_written_as_this_version_promises(one):
    """What a person paused is known from nowhere else: unread, it would go out."""
    orders = Orders()
    orders.take(orjson.loads(one["value"]))
    (order,) = (*orders.pauses.values(), *orders.limits.values())
    assert (one["key"].encode(), one["value"].encode()) == (order.key, order.dump())


@each("orders_maintenance_v1")
def test_a_window_is_read_and_written_as_this_version_promises(one):
    """Unread, everything would be posted to a platform that is taken apart just then."""
    orders = Orders()
    orders.take(orjson.loads(one["value"]))
    assert (one["key"].encode(), one["value"].encode()) == dump_window(orders.maintenance)


# The copy of the state on disk --------------------------------------------------------------------------------------------------


def stores(folder, meta):
    """A copy with one entry, which says this of itself."""
    made = RocksStores(folder)
    made.of(3).write({b"V1\x1fv\x1f1": b"r"}, {}, position=57)
    made._database[made.of(3)._meta] = meta
    asyncio.run(made.close())
    return RocksStores(folder)


@each("state_copies_v1")
def test_a_copy_of_the_state_is_taken_over(one, tmp_path):
    """With a million visits, reading all of the changelog again takes minutes in which nothing is reported."""
    found = stores(tmp_path / "state", one["value"].encode())
    identity, position = json.loads(one["value"])
    assert position == found.of(3).open(identity)
    assert {b"V1\x1fv": {b"V1\x1fv\x1f1": b"r"}} == found.of(3).visit(b"V1")
    asyncio.run(found.close())


@pytest.mark.parametrize("meta", [b'["x",57,2]', b'{"form":2}', b'["x","57"]', b"\x02", b"null"])
def test_a_copy_of_a_later_form_is_made_anew(meta, tmp_path):
    """It is only a copy: there is nothing in it that a person would have to save, and no reason to stop."""
    found = stores(tmp_path / "state", meta)
    assert 0 == found.of(3).open("x")
    assert {} == found.of(3).visit(b"V1")
    asyncio.run(found.close())


# Plans of a replay -------------------------------------------------------------------------------------------------------------


@each("replay_plans_v1", "replay_plans_v2")
def test_a_plan_is_read_and_written(one):
    """A plan that was approved before an update is run after it; its digest stands in the audit log."""
    file = one["file"].encode()
    plan = load_plan(file)
    assert one["plan"] == json.loads(json.dumps(asdict(plan)))
    assert file == plan.dump()

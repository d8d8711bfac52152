"""The sample hospital's days: what the oracle and every test over them rely on."""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from itertools import islice

import pytest

from sandbox.hospital import FROZEN_ITEMS, Oracle, Verb, Workload, envelope, image
from sandbox.hospital.catalogue import ITEMS
from sandbox.hospital.changes import Change
from sandbox.hospital.people import ELDEST, person
from sandbox.hospital.tables import FEES, PATIENTS, SETTLEMENTS, VISITS
from streams.spec.fields import ServiceCode
from streams.spec.identity import birth_date, valid_resident_id
from streams.spec.interface import SERVICES

VISITS_PLAYED = 150


@pytest.fixture(scope="module")
def transactions():
    return list(Workload(visits=VISITS_PLAYED, seed=5, per_day=60))


@pytest.fixture(scope="module")
def expected(transactions):
    found = []
    oracle = Oracle(found.append, captured=True)
    for transaction in transactions:
        oracle.follow(transaction)
    oracle.finish()
    return found


def test_the_same_seed_gives_the_same_transactions(transactions):
    """A run that failed must be run again exactly as it was."""
    assert list(Workload(visits=VISITS_PLAYED, seed=5, per_day=60)) == transactions


def test_another_seed_gives_others(transactions):
    """A seed that changes nothing would hide that only one day was ever tried."""
    assert list(Workload(visits=VISITS_PLAYED, seed=6, per_day=60)) != transactions


def test_a_workload_without_end_begins_at_once():
    """Tens of thousands of visits must not be built before the first is committed, nor kept."""
    assert len(list(islice(Workload(visits=10**9), 100))) == 100


def test_commits_are_in_order_of_time(transactions):
    """The hospital's clock is the order in which capture sees its changes."""
    assert sorted(transaction.at for transaction in transactions) == [transaction.at for transaction in transactions]


def test_no_row_has_two_states_in_one_transaction(transactions):
    """The join may report each state of a row; states that nobody ever saw committed would not be in the expectations. A row that
    is saved anew is deleted before.
    """
    for transaction in transactions:
        rows = Counter((change.table.name, change.key) for change in transaction.changes if change.verb is not Verb.DELETE)
        assert max(rows.values(), default=1) == 1


def test_nothing_comes_after_a_visit_was_closed(transactions):
    """The oracle forgets a closed visit; a later change would make it expect the wrong thing in silence."""
    closed = set()
    for transaction in transactions:
        assert closed.isdisjoint(f"{change.row['jzlsh']}" for change in transaction.changes if "jzlsh" in change.row)
        closed.update(transaction.closes)


def test_rows_are_updated_and_deleted_only_while_they_stand(transactions):
    """An update of a row that is not there changes nothing in a database and something in the expectations."""
    standing = set()
    for transaction in transactions:
        for change in transaction.changes:
            for seen in change.captured:
                place = seen.table.name, seen.key
                assert (place in standing) == (seen.verb is not Verb.INSERT), place
                (standing.discard if seen.verb is Verb.DELETE else standing.add)(place)


def test_every_way_of_a_visit_is_in_a_workload(transactions):
    """What never happens in the sample is never tried: refunds, edits, deletes, late visits, second settlements."""
    rows, late_visits = defaultdict(dict), 0
    verbs = Counter()
    for transaction in transactions:
        for change in transaction.changes:
            verbs[change.table.name, change.verb] += 1
            if change.table is VISITS and change.verb is Verb.INSERT:
                late_visits += any(row["jzlsh"] == change.row["jzlsh"] for row in rows[FEES.name].values())
            rows[change.table.name][change.key] = change.row
    settlements = Counter(row["jzlsh"] for row in rows[SETTLEMENTS.name].values() if not row["tfbz"])

    assert late_visits > 0
    assert any(row["tfbz"] for row in rows[SETTLEMENTS.name].values())
    assert max(settlements.values()) > 1
    assert all(verbs[table.name, Verb.DELETE] for table in (VISITS, FEES, SETTLEMENTS))
    assert all(verbs[table.name, Verb.UPDATE] for table in (VISITS, FEES, SETTLEMENTS, PATIENTS))


def test_no_record_returns_to_an_earlier_content(expected):
    """A content seen twice could not be told from one sent twice."""
    assert all(len(set(one.versions)) == len(one.versions) for one in expected)


def test_records_are_corrected_refused_withdrawn_and_pending(expected):
    """Each outcome that the pipeline must tell apart."""
    outcomes = Counter(one.outcome for one in expected)

    assert min(outcomes[outcome] for outcome in ("accepted", "refused", "withdrawn", "pending")) > 0
    assert any(len(one.versions) > 1 for one in expected if one.service == ServiceCode.FEE)


def test_expected_fields_stand_in_the_interface_order(expected):
    """The hash is over bytes: another order would be another content."""
    for one in expected:
        order = [field.name for field in SERVICES[ServiceCode(one.service)].fields]
        assert list(one.fields) == [name for name in order if name in one.fields]


def test_most_of_a_visit_record_is_fed(expected):
    """A sample that fills only what is required tries only what is required."""
    fed = {name for one in expected if one.service == ServiceCode.VISIT for name in one.fields}

    assert len(fed) >= 75


def test_the_lines_of_a_settlement_add_up_to_its_total(transactions):
    """R2: a sample whose sums are off would teach to ignore sums."""
    settlements, lines = {}, defaultdict(Decimal)
    for transaction in Workload(visits=VISITS_PLAYED, seed=5, per_day=60, bad_share=0):
        for change in transaction.changes:
            if change.table is SETTLEMENTS and change.verb is Verb.INSERT:
                settlements[change.key] = change.row["zje"]
            if change.table is SETTLEMENTS and change.verb is Verb.DELETE:
                del settlements[change.key], lines[change.key]
            if change.table is FEES and (change.row["jsdh"] and (change.verb is Verb.INSERT or change.changed == ("jsdh",))):
                lines[change.row["jsdh"]] += change.row["je"]

    assert settlements
    assert settlements == dict(lines)


def test_people_are_consistent_and_nobody():
    """Numbers must pass every check, and belong to an area that does not exist."""
    people = [person(number, seed=5, today=date(2025, 6, 2)) for number in range(300)]
    residents = [one for one in people if one.certificate_type == "SFZ"]

    assert len(residents) > 200
    assert all(valid_resident_id(one.certificate) and birth_date(one.certificate) == one.born for one in residents)
    assert all(one.certificate.startswith("369901") for one in residents)


def test_a_birth_before_the_first_zone_is_stored_at_local_mean_time():
    """Java wrote such rows at +08:05:43: read at +08:00 they fall on the day before."""
    eldest = person(ELDEST, seed=1, today=date(2025, 6, 2))

    assert (
        image(PATIENTS, {**dict.fromkeys(PATIENTS.columns), "csrq": eldest.born_instant})["csrq"] == "1900-06-14T15:54:17.000000Z"
    )


def test_ids_are_beyond_what_a_json_number_holds(transactions):
    """Neighbouring lines must become one line for whoever reads ids as doubles."""
    ids = {change.key for transaction in transactions for change in transaction.changes if change.table is FEES}

    assert min(ids) > 2**53
    assert len({float(key) for key in ids}) < len(ids)


def test_an_envelope_carries_ids_whole_and_decimals_as_text(transactions):
    """The image stands in for capture in tests without a database: it must be as capture writes it."""
    change = next(c for transaction in transactions for c in transaction.changes if c.table is FEES)
    message = envelope(change, source="his", lsn=7, committed_at=1)

    assert f'"mxid":{change.key}'.encode() in message
    assert f'"sl":"{change.row["sl"]:.6f}"'.encode() in message


def test_frozen_items_are_in_the_catalogue_and_charged_only_as_flaws(transactions):
    """The platform refuses them: a sound line with one would be refused without being foreseen."""
    frozen = {item.own for item in ITEMS if item.hilist in FROZEN_ITEMS}
    lines = [c for transaction in transactions for c in transaction.changes if c.table is FEES and c.row["xmbm"] in frozen]

    assert lines
    assert {change.flaw.dead_class for change in lines} == {"REJECTED"}


def test_a_line_without_visit_key_must_have_a_label():
    """The oracle cannot place it: without a label it would be lost, and the test with it."""
    row = dict.fromkeys(FEES.columns) | {"mxid": 1, "jgdm": "10"}
    oracle = Oracle([].append, captured=True)
    transaction = next(iter(Workload(visits=1)))

    with pytest.raises(ValueError, match="without a label"):
        oracle.follow(type(transaction)(at=transaction.at, changes=(Change(table=FEES, verb=Verb.INSERT, row=row),)))

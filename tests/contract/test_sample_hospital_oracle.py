"""The sample hospital's rows go through the sample site's mapping and the join, and come out as the oracle says, byte for byte."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pytest

from connector.contract import TableRole
from sandbox.hospital import (
    FROZEN_ITEMS,
    SPOILERS,
    Change,
    Expected,
    Oracle,
    Transaction,
    Verb,
    Workload,
    envelope,
    reference_rows,
)
from sandbox.platform.rows import Rules, judge_rows, split_rows
from streams.domain.changes import Incoming, decode
from streams.domain.join.entries import group, group_of, visit_key_of
from streams.domain.join.fold import Joiner
from streams.domain.join.gone import deadline_of, is_gone
from streams.domain.join.limits import JoinLimits
from streams.domain.place.fold import Placed, Placer
from streams.domain.place.going import NOTHING
from streams.domain.ready import Emission
from streams.domain.records import DeadLetter, Lookups, Row
from streams.domain.ticks import tick_value
from streams.mapping import compile_site, load_site
from streams.mapping.linking import direct_visit_keys
from streams.spec.dictionaries import load_dictionaries
from streams.spec.fields import ServiceCode
from streams.spec.interface import SERVICES
from tests.unit.streams.domain.join.beside import LookedThrough, waiting_rows
from tests.unit.streams.domain.join.join_rig import is_row

SITE = Path(__file__).parents[2] / "deploy" / "sites" / "sample" / "site.yaml"
SOURCE = "his"
VISITS = 160
LIMITS = JoinLimits(wait_ms=4 * 86_400_000, unsettled_wait_ms=400 * 86_400_000)


class Pipeline(LookedThrough):
    """Decoding, mapping and join over a dictionary instead of topics; collects what comes out."""

    def __init__(self):
        site = load_site(SITE)
        mappings = compile_site(site)
        self.joiner = Joiner(mappings, LIMITS, zone=mappings[SOURCE].dialect.zone)
        self.placer, self.going = Placer(direct_visit_keys(site), partitions=1), NOTHING
        self.lookups = {table.table: table for table in site.mappings[SOURCE].tables if table.role is TableRole.LOOKUP}
        self.rows: dict[tuple[str, tuple[str, ...]], Row] = {}
        self.by_visit: dict[bytes, dict[bytes, bytes]] = defaultdict(dict)
        self.ready: list[Emission] = []
        self.dead: list[DeadLetter] = []
        self.counts: Counter[str] = Counter()
        self.messages = 0

    def find(self, name: str, key: tuple[str, ...]) -> Row | None:
        return self.rows.get((name, key))

    def visit(self, visit_key: bytes) -> Mapping[bytes, bytes]:
        return {key: value for key, value in self.by_visit.get(visit_key, {}).items() if is_row(key)}

    def of_role(self, visit_key: bytes, role: TableRole) -> Mapping[bytes, bytes]:
        begin = group(visit_key, role)
        return {key: value for key, value in self.visit(visit_key).items() if group_of(key) == begin}

    def entries_beside(self, key: bytes) -> Mapping[bytes, bytes]:
        begin = group_of(key)
        return {other: value for other, value in self.by_visit.get(visit_key_of(key), {}).items() if group_of(other) == begin}

    def moved(self) -> Iterable[bytes]:
        return ()  # there is one partition

    def visits_after(self, after: bytes, most: int) -> list[bytes]:
        return sorted(visit for visit in self.by_visit if visit > after)[:most]

    def gone(self, at: int) -> Iterable[bytes]:
        entries = self.by_visit.items()
        return [visit for visit, each in entries if any(is_gone(key) and 0 < deadline_of(each[key]) <= at for key in each)]

    def due(self, at: int, lookups: Lookups) -> Iterable[tuple[bytes, list[bytes]]]:
        del lookups  # the fold looks
        return waiting_rows({key: self.visit(key) for key in self.by_visit}, at)

    def take(self, change: Change, *, at: datetime, transaction: int = 0) -> None:
        """One change, as capture would write it."""
        milliseconds = int(at.timestamp() * 1000)
        self.messages += 1
        values = [
            envelope(each, source=SOURCE, lsn=self.messages, committed_at=milliseconds, transaction=transaction)
            for each in change.captured
        ]
        table = self.lookups.get(change.table.name)
        if table is None:
            for each, value in zip(change.captured, values, strict=True):
                self.place(orjson.dumps({each.table.key: each.key}), value, milliseconds)
            return
        (value,) = values
        row = decode(value).row
        self.rows[table.lookup_name, tuple(f"{row[name]}" for name in table.key)] = row

    def tick(self, at: datetime) -> None:
        milliseconds = int(at.timestamp() * 1000)
        self.place(b"{}", tick_value(milliseconds), milliseconds)

    def place(self, key: bytes, value: bytes, at: int) -> None:
        """Into the partition of its visit, of which there is one."""
        folded = self.placer.fold(Incoming("rows.his", 0, self.messages, key, value, (), at), source=SOURCE, going=self.going)
        self.going = folded.going
        for placed in folded.placed:
            self.fold(placed, at)

    def fold(self, placed: Placed, at: int) -> None:
        headers = (("from", b""), ("number", b"0"), *placed.headers)
        incoming = Incoming("visit.changes", 0, self.messages, placed.key, placed.value, headers, at)
        folded = self.joiner.fold(incoming, self, self)
        for key, entry in folded.state.items():
            entries = self.by_visit[visit_key_of(key)]
            entries.pop(key, None)
            if entry is not None:
                entries[key] = entry
        self.ready += folded.ready
        self.dead += folded.dead
        self.counts.update(folded.counts)


@dataclass(slots=True, kw_only=True)
class Played:
    """A workload that went through pipeline and oracle."""

    pipeline: Pipeline
    expected: list[Expected]
    transactions: list[Transaction]
    steps: list[tuple[int, Counter[str]]]
    """After each transaction: how many records were ready to be sent, and how many were expected by then."""

    def sent(self) -> dict[tuple[str, str, str], list[bytes]]:
        """What is to be delivered, by service, institution and key, in order."""
        found: dict[tuple[str, str, str], list[bytes]] = defaultdict(list)
        for emission in self.pipeline.ready:
            record = emission.record
            found[record.service.value, record.institution, record.key].append(record.value)
        return found

    def refused(self) -> Counter[tuple[str, str, str, str]]:
        """Dead letters by service, key of the row, class and rule."""
        return Counter(_end(letter) for letter in self.pipeline.dead)


def _end(letter: DeadLetter) -> tuple[str, str, str, str]:
    document = orjson.loads(letter.value or b"{}")
    if "rows" in document:
        row = document["rows"][{"mdtrt_d": "visit", "setl_d": "settlement", "fee_list_d": "fee"}[letter.service]]
        key = {"mdtrt_d": "jzid", "setl_d": "jsdh", "fee_list_d": "mxid"}[letter.service]
        return letter.service, row[key], letter.dead_class.value, letter.rule
    after = document["after"]
    return "fee_list_d", f"{after['mxid']}", letter.dead_class.value, letter.rule


def _play(workload: Workload, *, before: int = 0) -> Played:
    pipeline, expected = Pipeline(), []
    oracle = Oracle(expected.append, captured=not before)
    transactions = list(workload)
    start = transactions[0].at
    for table, row in reference_rows():
        pipeline.take(Change(table=table, verb=Verb.INSERT, row=row), at=start)
    for transaction in transactions[:before]:
        oracle.follow(transaction)
    if before:
        oracle.start_capture()
        for change in _snapshot(transactions[:before]):
            pipeline.take(change, at=transactions[before].at)
    steps = []
    for number, transaction in enumerate(transactions[before:], start=1):
        oracle.follow(transaction)
        for change in transaction.changes:
            pipeline.take(change, at=transaction.at, transaction=number)
        steps.append((len(pipeline.ready), Counter(oracle.so_far)))
    oracle.finish()
    pipeline.tick(transactions[-1].at + timedelta(days=10))
    steps.append((len(pipeline.ready), Counter(oracle.so_far)))
    return Played(pipeline=pipeline, expected=expected, transactions=transactions, steps=steps)


def _snapshot(transactions: list[Transaction]) -> Iterator[Change]:
    """The rows that stand after these transactions, table by table, as the first snapshot reads them."""
    rows: dict[tuple[str, object], Change] = {}
    for transaction in transactions:
        for change in transaction.changes:
            for each in change.captured:
                place = each.table.name, each.key
                if each.verb is Verb.DELETE:
                    rows.pop(place, None)
                else:
                    rows[place] = Change(table=each.table, verb=Verb.INSERT, row=each.row)
    return iter(sorted(rows.values(), key=lambda change: change.table.name))


@pytest.fixture(scope="module")
def played():
    return _play(Workload(visits=VISITS, seed=11))


def _delivered(expected: Iterable[Expected]) -> dict[tuple[str, str, str], Expected]:
    return {(one.service, one.institution, one.key): one for one in expected if one.versions}


def test_every_version_of_every_record_comes_out_byte_for_byte(played):
    """A column read wrongly, a lost zero, a shifted birth date or a version too many would all show here."""
    sent = played.sent()
    expected = _delivered(played.expected)

    assert {key: one.fields for key, one in expected.items()} == {key: orjson.loads(values[-1]) for key, values in sent.items()}
    hashes = {key: tuple(_hash(value) for value in values) for key, values in sent.items()}
    assert {key: one.versions for key, one in expected.items()} == hashes
    assert all(orjson.dumps(expected[key].fields) == values[-1] for key, values in sent.items())


def _hash(value: bytes) -> str:
    return hashlib.blake2b(value, digest_size=16).hexdigest()


def test_every_refusal_has_the_class_and_rule_of_its_label(played):
    """A refusal for another reason than the one put in would send a clerk to the wrong field."""
    expected = {
        (one.service, one.row_key, one.dead_class, one.rule)
        for one in played.expected
        if one.dead_class and one.dead_class != "REJECTED"
    }

    assert expected == set(played.refused())


def test_the_strict_platform_takes_every_record_but_the_frozen_items(played):
    """Expectations that the platform does not share could never be met by any pipeline."""
    closed = {name: frozenset(one.codes) for name, one in load_dictionaries(None).items() if one.closed}
    rules = Rules(services=SERVICES, closed=closed, frozen_items=FROZEN_ITEMS)
    refused = set()
    for (service, institution, key), values in played.sent().items():
        for value in values:
            rows = split_rows(b"[%b]" % value)
            assert isinstance(rows, list)
            if judge_rows(rows, service=SERVICES[ServiceCode(service)], institution=institution, rules=rules) is not None:
                refused.add((service, institution, key))

    assert refused == {(one.service, one.institution, one.key) for one in played.expected if one.dead_class == "REJECTED"}


def test_lines_of_unsettled_stays_are_neither_reported_nor_refused(played):
    """An inpatient still in the house is no error: nothing may reach a clerk before the settlement is due. And what belongs to a
    refused row has its letter there.
    """
    pending = {(one.service, one.row_key) for one in played.expected if one.outcome == "pending"}

    assert {"UNSETTLED", "PARENT_REFUSED"} == {one.rule for one in played.expected if one.outcome == "pending"}
    assert pending.isdisjoint((service, key) for service, key, _, _ in played.refused())
    assert pending.isdisjoint((service, key) for service, _, key in played.sent())


def test_every_kind_of_wrong_row_is_in_a_small_workload(played):
    """A kind that is never dealt is a rule that is never tried."""
    assert {spoiler.flaw.name for spoiler in SPOILERS} <= {one.flaw for one in played.expected}


def test_rows_are_saved_anew_and_keys_are_changed_in_a_small_workload(played):
    """As real systems do to reported rows: an edit that is a delete and an insert, another id, another number of the insurance."""
    anew = Counter()
    for transaction in played.transactions:
        rows = {verb: {(one.table.name, one.key) for one in transaction.changes if one.verb is verb} for verb in Verb}
        anew.update(table for table, _ in rows[Verb.DELETE] & rows[Verb.INSERT])
    renamed = {one.service for one in played.expected if one.rule == "KEY_CHANGED_AFTER_REPORT"}

    assert ({"his.sf_fymx", "his.sf_jsjl"}, {"setl_d", "fee_list_d"}) == (set(anew), renamed)


def test_sound_rows_give_few_warnings(played):
    """A sample that warns at every row would teach people to look away."""
    warned = sum(count for name, count in played.pipeline.counts.items() if name.startswith("warned_"))

    assert warned < 0.03 * len(played.pipeline.ready), played.pipeline.counts


@pytest.mark.parametrize("before", [0, 400])
def test_what_is_expected_so_far_is_never_behind_what_was_sent(before):
    """A spectator would see more accepted than expected, and take it for records that were reported twice."""
    played = _play(Workload(visits=150, seed=11), before=before)
    refused = {(one.service, one.key) for one in played.expected if one.dead_class == "REJECTED"}
    sent, told = defaultdict(set), 0
    for ready, expected in played.steps:
        for record in (emission.record for emission in played.pipeline.ready[told:ready]):
            if (record.service.value, record.key) not in refused:
                sent[record.service.value].add((record.institution, record.key))
        told = ready
        assert {service: len(keys) for service, keys in sent.items() if len(keys) > expected[service]} == {}
    wanted = Counter(one.service for one in played.expected if one.outcome in {"accepted", "withdrawn"})
    assert wanted == played.steps[-1][1]


def test_rows_from_before_the_capture_show_only_what_still_stands():
    """The first snapshot knows no history: deleted rows and earlier versions must not be waited for."""
    played = _play(Workload(visits=60, seed=3), before=150)
    sent, expected = played.sent(), _delivered(played.expected)

    assert {key: one.versions for key, one in expected.items()} == {key: tuple(map(_hash, values)) for key, values in sent.items()}
    assert {
        (one.service, one.row_key, one.dead_class, one.rule) for one in played.expected if one.dead_class not in {"", "REJECTED"}
    } == set(played.refused())

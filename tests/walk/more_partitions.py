"""The guide's *More partitions*: a second set of topics beside the old one, filled while the hospital and the old one work, and the
old one ended.

The hospital never rests: visits, corrections, refunds and deletes in every phase. The platform gets from the new set every record
once more, once, in its present version; and of every record that either set reported and that is gone, one of them tells.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from sandbox.hospital.tables import Cells
from sandbox.judge import Ending, digests_of, judge
from streams.broker_wiring import client_options
from streams.deadletter.reading import read_dead_letters
from streams.deadletter.record import DeadLetterView
from streams.mapping import Site
from streams.private_files import write_private
from tests.chaos.verdict import acceptances_in
from tests.operations.failed import Failed
from tests.walk.guide import walk_under
from tests.walk.guided import Guided, Say, as_sent, by_record
from tests.walk.restless import Restless

_PARTITIONS: Final = 6
_SLOT: Final = "yibao_his_new"
_WORKERS: Final = "yibao worker all -c new.yaml"
_PREPARE: Final = "yibao source prepare "
_COMPARE: Final = "yibao join compare "
_HEADING: Final = "More partitions"
_SPOILT: Final = 4
"""Lines that were reported and are wrong when the new set reads: one is deleted while both read, one when the old capture has
ended, one when the new set sends; one stays."""
_FEW: Final = 5


def prove(folder: Path, say: Say) -> str:
    """The figures. Raises Failed."""
    night = Guided(folder, say)
    try:
        return _Moving(night).run()
    finally:
        night.close()


class _Moving:
    def __init__(self, night: Guided) -> None:
        self._night = night
        self._folder = night.site_file.parent
        self._hospital = Restless(night.days)

    def run(self) -> str:
        night, hospital = self._night, self._hospital
        beside, compared, drained, let_go = walk_under(_HEADING)
        night.begun()
        self._write_files()
        hospital.start()
        spoilt = self._spoil()
        self._begin_new(beside)
        self._compare(compared, spoilt)
        self._drain(drained)
        before = len(night.accepted())
        night.stop("workers")
        self._delete(spoilt[1])
        hospital.goes_on()
        letting = night.days.moment()
        night.until_filled(self._new, _SLOT)
        night.all_typed(let_go)
        night.site_file = self._folder / "new.yaml"
        night.until(lambda: len(night.accepted()) > before, "what the new topics send")
        self._delete(spoilt[2])
        hospital.goes_on()
        hospital.end()
        told = self._judged(before, letting)
        self._take_away()
        return f"{_PARTITIONS} partitions for 4: {told}"

    def _write_files(self) -> None:
        document: dict[str, Any] = yaml.load(self._night.site_file.read_text("utf-8"), Loader=yaml.BaseLoader)
        write_private(self._folder / "old.yaml", self._night.site_file.read_text("utf-8"))
        document["kafka"] |= {"topic_prefix": "his-new-", "partitions": f"{_PARTITIONS}"}
        document["sources"]["his"] |= {"slot": _SLOT, "publication": "yibao_his_new"}
        document["workers"] = {"home": f"{self._night.folder / 'home-new'}"}
        write_private(self._folder / "new.yaml", yaml.safe_dump(document, allow_unicode=True))
        self._old, self._new = self._night.site_of("old.yaml"), self._night.site_of("new.yaml")

    def _spoil(self) -> list[Cells]:
        """Lines that the platform has become wrong, and the old set says so."""
        taken = {one["key"] for one in self._night.accepted()}
        days = self._night.days
        rows = self._hospital.asked(lambda: [row for row in days.lines() if f"{row['mxid']}" in taken][:_SPOILT])
        self._hospital.asked(lambda: days.spoil(rows))
        self._night.say(f"{len(rows)} reported lines are wrong now")
        return rows

    def _begin_new(self, lines: Sequence[str]) -> None:
        """Up to where all that stands in the database waits for the platform."""
        night, days = self._night, self._night.days
        for line in lines:
            if line.startswith("yibao connector apply"):
                self._reading = days.moment()
                days.read_anew()
            if line == _WORKERS:
                night.begin_workers("new-workers", "-c", self._folder / "new.yaml", "--home", f"{night.folder / 'home-new'}")
            else:
                night.typed(line)
            if line.startswith(_PREPARE):
                self._prepare(line)
        night.until_filled(self._new, _SLOT)
        self._read = days.moment()
        self._hospital.goes_on()

    def _prepare(self, line: str) -> None:
        """As the database's administrator does it."""
        steps = json.loads(self._night.typed(f"{line} -o json"))["steps"]
        with self._night.connect() as database:
            for statement in (one for step in steps for one in step["statements"]):
                database.execute(statement)

    def _compare(self, lines: Sequence[str], spoilt: Sequence[Cells]) -> None:
        """What is left is told, row by row; then one of these rows goes, and the others are mended."""
        days = self._night.days
        for line in lines:
            told = self._night.typed(line)
            if line.startswith(_COMPARE) and any(f"{row['mxid']}" not in told for row in spoilt):
                raise Failed(f"`{line}` does not name the lines that are wrong: {told}")
        self._delete(spoilt[0])
        self._hospital.asked(days.repair)
        self._until_nothing_is_left()

    def _until_nothing_is_left(self) -> None:
        (line,) = {one for block in walk_under(_HEADING) for one in block if one.startswith(_COMPARE)}
        self._night.until(lambda: self._night.typed(line).startswith("nothing is left"), "records that the old set alone remembers")

    def _drain(self, lines: Sequence[str]) -> None:
        night = self._night
        for line in lines:
            if line.startswith(_COMPARE):
                self._until_nothing_is_left()
            else:
                night.typed(line)
            if line == "yibao lag -c old.yaml":
                night.until(lambda: night.is_empty(self._old), "the old topics, drained")

    def _delete(self, row: Cells) -> None:
        self._hospital.asked(lambda: self._night.days.delete([row]))

    # What must be true of it ----------------------------------------------------------------------------------------------------

    def _judged(self, before: int, letting: int) -> str:
        night, days = self._night, self._night.days
        entries, faults = night.accepted(), ["nothing was looked at"]
        night.until(lambda: night.is_empty(self._new), "the new topics, run empty")

        def is_right() -> bool:
            nonlocal faults, entries
            entries = night.accepted()
            faults = [*self._of_new(entries[before:]), *self._stale(entries[before:], letting), *self._of_old(entries[:before])]
            faults += [f"{'/'.join(one.id)}: told by neither" for one in self._untold(entries)]
            return not faults

        if not night.within(is_right):
            raise Failed(f"{len(faults)} things are wrong: {'; '.join(faults[:_FEW])}")
        gone = self._gone(entries)
        told = [_withdrawn(self._letters(site)) for site in (self._old, self._new)]
        by = Counter(tuple(bool(digests_of(one) & some) for some in told) for one in gone)
        deleted = (
            f"{len(gone)} withdrawn: {by[True, False]} told by the old, {by[False, True]} by the new, {by[True, True]} by both"
        )
        return f"{before} records by the old set, {len(entries) - before} by the new one of {days.moment()} transactions; {deleted}"

    def _of_new(self, entries: list[dict[str, Any]]) -> list[str]:
        """Each record that the database showed since the reading: once, in its last version, with its letters."""
        night, days = self._night, self._night.days
        # What happened while it read may have come before the reading, or after it.
        unsure = days.between(self._reading, self._read)
        endings = as_sent(night.here(days.endings_anew(night.folder), entries), entries)
        facts = {"unseeable": unsure, "unread": unsure, "spoilt": unsure}
        letters = self._letters(self._new)
        found = judge(endings, acceptances_in(entries), letters, is_over=True, platform_is_known=False, **facts)
        return _faults(found)

    def _stale(self, entries: list[dict[str, Any]], letting: int) -> list[str]:
        """Records of which the new set sent an older version than the one that stood when it was let go."""
        last = {
            one.id: one for one in self._night.days.endings_anew(self._night.folder, until=letting) if one.outcome == "accepted"
        }
        now = {one.id: one for one in self._night.days.endings_anew(self._night.folder) if one.outcome == "accepted"}
        stale = []
        for name, hashes in by_record(entries).items():
            if name in last and name in now:
                since = now[name].versions[len(last[name].versions) - 1 :]
                stale += [f"{'/'.join(name)}: an older version was sent"] * (not {*hashes} <= {*since})
        return stale

    def _of_old(self, entries: list[dict[str, Any]]) -> list[str]:
        """It sent nothing that the database did not show, nothing twice, and nothing older behind something newer."""
        endings = self._night.here(self._night.days.endings(self._night.folder), entries)
        found = judge(endings, acceptances_in(entries), self._letters(self._old), is_over=True, platform_is_known=False)
        return [*found.unexpected, *found.doubled, *found.out_of_order]

    def _gone(self, entries: Iterable[dict[str, Any]]) -> list[Ending]:
        """What was reported by either, and no row backs any more."""
        taken = by_record(entries)
        return [one for one in self._night.days.endings(self._night.folder) if one.outcome == "withdrawn" and one.id in taken]

    def _untold(self, entries: Iterable[dict[str, Any]]) -> list[Ending]:
        """What of that no letter tells."""
        told = _withdrawn(self._letters(self._old)) | _withdrawn(self._letters(self._new))
        return [one for one in self._gone(entries) if not digests_of(one) & told]

    def _letters(self, site: Site) -> list[DeadLetterView]:
        reading = read_dead_letters(client_options(site), site.topics.dead)
        return list({one.id: one for one in reading.told}.values())

    def _take_away(self) -> None:
        """The last step of the page."""
        self._night.typed("yibao connector delete his -c old.yaml --yes")
        at_rest = "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'yibao_his' AND NOT active"
        with self._night.connect() as database:
            self._night.until(lambda: database.execute(at_rest).fetchone(), "the old slot, at rest")
            database.execute("SELECT pg_drop_replication_slot('yibao_his')")
            database.execute("DROP PUBLICATION yibao_his")


def _withdrawn(letters: Iterable[DeadLetterView]) -> set[str]:
    """The records that letters tell as withdrawn."""
    return {one.record_key_hash for one in letters if one.dead_class == "WITHDRAWN"}


def _faults(found: Any) -> list[str]:
    amounts = [f"{name}: {pair[1]} in place of {pair[0]}" for name, pair in found.amounts.items() if pair[0] != pair[1]]
    return [*found.missing, *found.unexpected, *found.doubled, *found.out_of_order, *amounts]

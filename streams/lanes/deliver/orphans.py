"""Rule R24 where the platform refuses: what belongs to a visit or settlement that it never took waits until it takes one.

Of its partition the lane remembers which parents are refused and keeps what names one of them, whole, in its part of
`visit.orphans`, in the transaction that settles it: waiting is a third outcome beside receipt and dead letter, until it becomes one
of the two. When a later version of the parent is accepted, what waited for it is the next plan, in the order of its numbers. What
waits is a parent itself for what names it.

What waits and has no row in its visit any more (the join sends a recall) is dropped. Where it was a parent, it counts as refused
from then on: the platform never took it, and what names it may still wait.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from streams.domain.kinship import Identity, identity_of, is_new_parent, parents_of
from streams.domain.records import ReadyRecord
from streams.domain.replay import is_anew
from streams.errors import Fatal
from streams.lanes.deliver import letters
from streams.lanes.deliver import orphan_entries as entries
from streams.lanes.deliver.orphan_kin import NOBODY, Changed, Decision, Kin, WaitingRecord
from streams.lanes.deliver.renewed import Renewed
from streams.lanes.exits import Exit
from streams.lanes.ports import Broker, Send, TopicPartition

MOST_WAITING: Final = 20_000
"""Records of one partition that wait (some 40 MB); what comes then is a dead letter."""
MOST_BEHIND_RENEWED: Final = 200_000
"""The same while something of the partition was made anew: what did not change waits for that, and not for a person."""
MOST_REFUSED: Final = 100_000
"""Refused parents of one partition; then the oldest for which nothing waits is forgotten."""


class Orphans:
    """What is refused and what waits in one partition. It changes before the transaction that writes the change: where that fails,
    the lane ends.

    at: its part of `visit.orphans`. ready: its part of `visit.ready`.
    """

    def __init__(self, at: TopicPartition, ready: TopicPartition, *, most: int = MOST_WAITING) -> None:
        self._at = at
        self._ready = ready
        self._most = most
        self._refused: dict[Identity, bytes] = {}
        self._visits: dict[bytes, Kin] = {}
        self._free: set[int] = set()
        self._waiting: dict[int, bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._visits)

    @property
    def counts(self) -> tuple[int, int]:
        """Refused parents, and records that wait."""
        return len(self._refused), len(self._waiting)

    async def restore(self, broker: Broker, counts: tuple[int, int]) -> None:
        """Read what the transactions of all owners wrote. Call it after the fence. counts: as the mark says."""
        found: dict[bytes, bytes] = {}
        if any(counts):
            async for page in broker.read(self._at, await broker.first_offset(self._at)):
                for key, value in page.entries:
                    if key is not None and not entries.is_letter(key):
                        found.pop(key, None)
                        if value is not None:
                            found[key] = value
        for key, value in sorted(found.items()):
            if entries.is_waiting(key):
                self._put(entries.read_waiting(value, self._ready))
            else:
                identity, visit_key = entries.read_refused(key, value)
                self._refuse(identity, visit_key)
        if self.counts != counts:
            raise Fatal(
                f"{self._at.topic}-{self._at.partition} holds {self.counts[0]} refused parents and {self.counts[1]} records that "
                f"wait for them, and the mark says {counts[0]} and {counts[1]}: the topic lost something; do not post past it",
                exit_code=Exit.SHORT_LOG,
            )
        self._look(self._visits)

    # Before a plan is posted -----------------------------------------------------------------------------------------------------

    def free(self, most: int, *, of: str | None = None, but: Collection[str] = ()) -> Sequence[ReadyRecord]:
        """The first of what waited and may go now, in the order of its numbers: of one institution, or of the first one that is not
        among `but`.
        """
        found: list[ReadyRecord] = []
        for number in sorted(self._free):
            record = self._record(number)
            if of is None and record.institution not in but:
                of = record.institution
            if record.institution == of:
                found.append(record)
                if len(found) == most:
                    break
        return found

    @property
    def all_free(self) -> Sequence[ReadyRecord]:
        """All that waited and may go now, of all institutions, in the order of its numbers."""
        return [self._record(number) for number in sorted(self._free)]

    def freed_for(self, size: int, last_offset: int) -> Sequence[ReadyRecord]:
        """The records of a plan of what may go. Earlier versions made one of all institutions."""
        free = self.all_free
        if len(free) >= size and free[size - 1].offset == last_offset:
            return free[:size]
        last = next((record.institution for record in free if record.offset == last_offset), "")
        return self.free(size, of=last)

    def _record(self, number: int) -> ReadyRecord:
        return self._visits[self._waiting[number]].waiting[number].record

    def left_out(self, records: Sequence[ReadyRecord], *, never_sent: Iterable[ReadyRecord] = ()) -> int:
        """The records of a new plan that are not posted with it, one bit each. never_sent: those that fit into no envelope."""
        gone = {record.number for record in never_sent}
        if not self._visits and not gone:
            return 0
        found, fresh = 0, dict[bytes, set[Identity]]()
        for place, record in enumerate(records):
            kin, new = self._visits.get(record.key), fresh.get(record.key, NOBODY)
            is_left = bool(kin or new) and any(one in new or (kin is not None and one in kin.open) for one in parents_of(record))
            if is_left:
                found |= 1 << place
            if (is_left or record.number in gone) and is_new_parent(record):
                fresh.setdefault(record.key, set()).add(identity_of(record))
        return found

    def orphaned(self, parent: ReadyRecord, records: Sequence[ReadyRecord]) -> int:
        """The records of the plan under way, one bit each, that belong to this one, which is refused just now."""
        if not is_new_parent(parent) and identity_of(parent) not in self._refused:
            return 0
        found, open_ = 0, {identity_of(parent)}
        for place, record in enumerate(records):
            if record.key == parent.key and record.number > parent.number and not open_.isdisjoint(parents_of(record)):
                found |= 1 << place
                if is_new_parent(record):
                    open_.add(identity_of(record))
        return found

    # When it is settled ----------------------------------------------------------------------------------------------------------

    def settle(
        self,
        decisions: Sequence[Decision],
        left: Sequence[ReadyRecord],
        *,
        failed_at: int,
        recalls: Sequence[ReadyRecord] = (),
        renewed: Renewed | None = None,
    ) -> Changed:
        """Take over what was decided, in its order, what was left out, and at last what was recalled. failed_at: of letters (ms).
        recalls: of a plan whose other records are all settled with these. renewed: what was made anew; None for nothing.
        """
        changed = Changed()
        if not self._visits and not left and all(one.accepted for one in decisions):
            return changed
        touched = {record.key for record in left}
        for record in left:
            if renewed is not None and renewed.supersedes(record):
                self._pass_over(record, changed, failed_at=failed_at)
            elif record.number not in self._waiting:
                self._keep(record, changed, failed_at, most=MOST_BEHIND_RENEWED if renewed else self._most)
        for decision in decisions:
            for record in decision.records:
                refused_in = self._refused.get(identity_of(record), record.key)  # it may have moved since
                if refused_in in self._visits or record.key in self._visits or not decision.accepted:
                    touched |= {record.key, refused_in}
                    self._decided(record, changed, accepted=decision.accepted, failed_at=failed_at)
        for recall in recalls:
            touched.add(recall.key)
            self._recalled(recall, changed, failed_at=failed_at)
        self._forget(changed)
        self._look(touched)
        return changed

    def _pass_over(self, record: ReadyRecord, changed: Changed, *, failed_at: int) -> None:
        """A record that was made anew is not posted. Of a parent the platform has none then until it takes a later version."""
        is_new = is_new_parent(record)
        for older in self._older(record):
            is_new |= is_new_parent(older)
            self._supersede(older, changed, failed_at=failed_at)
        if record.number in self._waiting:
            self._drop(record, changed)
        changed.dead.append(letters.superseded(record, topic=self._ready.topic, failed_at=failed_at))
        changed.count("renewed")
        if is_new:
            self._remember(record, changed)

    def _supersede(self, older: ReadyRecord, changed: Changed, *, failed_at: int) -> None:
        self._drop(older, changed)
        changed.dead.append(letters.superseded(older, topic=self._ready.topic, failed_at=failed_at))
        changed.count("superseded")

    def _keep(self, record: ReadyRecord, changed: Changed, failed_at: int, *, most: int) -> None:
        if is_anew(record.added):
            for older in self._older(record):
                self._supersede(older, changed, failed_at=failed_at)
                if is_new_parent(older):
                    self._remember(older, changed)
        if len(self._waiting) < most:
            self._put(record)
            changed.sends.append(self._send(entries.key_of_waiting(record.number), entries.waiting_value(record)))
            changed.count("waits")
            return
        changed.dead.append(letters.parent_refused(record, topic=self._ready.topic, failed_at=failed_at))
        if is_new_parent(record):
            self._remember(record, changed)

    def _decided(self, record: ReadyRecord, changed: Changed, *, accepted: bool, failed_at: int) -> None:
        """One record was accepted or refused. What waits of its earlier versions is needless now."""
        identity, is_new = identity_of(record), is_new_parent(record)
        if record.number in self._waiting:
            self._drop(record, changed)
            changed.count("freed")
        for older in self._older(record):
            is_new |= is_new_parent(older)
            self._supersede(older, changed, failed_at=failed_at)
        if accepted and identity in self._refused:
            self._visits[self._refused.pop(identity)].refused.discard(identity)
            changed.sends.append(self._send(entries.key_of_refused(identity), None))
            changed.count("parent_mended")
        elif not accepted and is_new:
            self._remember(record, changed)

    def _recalled(self, recall: ReadyRecord, changed: Changed, *, failed_at: int) -> None:
        """Drop what waits of a record that has no row in its visit any more. What was sent after the recall is there again."""
        for older in self._older(recall):
            if is_anew(recall.added):
                if older.content_hash == recall.content_hash:
                    continue
                self._supersede(older, changed, failed_at=failed_at)
            else:
                self._drop(older, changed)
                changed.dead.append(letters.recalled(older, topic=self._ready.topic, failed_at=failed_at))
                changed.count("recalled")
            if is_new_parent(older):
                self._remember(older, changed)

    def _older(self, record: ReadyRecord) -> list[ReadyRecord]:
        """What waits of the earlier versions of a record."""
        kin, identity = self._visits.get(record.key), identity_of(record)
        waiting = [one.record for one in kin.waiting.values()] if kin is not None else ()
        return [one for one in waiting if one.number < record.number and identity_of(one) == identity]

    def _remember(self, record: ReadyRecord, changed: Changed) -> None:
        identity = identity_of(record)
        if identity not in self._refused:
            self._refuse(identity, record.key)
            changed.sends.append(self._send(entries.key_of_refused(identity), entries.refused_value(record.key)))
            changed.count("parent_refused")

    def _forget(self, changed: Changed) -> None:
        surplus = len(self._refused) - MOST_REFUSED
        if surplus > 0:
            idle = [identity for identity, visit_key in self._refused.items() if not self._visits[visit_key].waiting]
            for identity in idle[:surplus]:
                visit_key = self._refused.pop(identity)
                self._visits[visit_key].refused.discard(identity)
                self._look([visit_key])
                changed.sends.append(self._send(entries.key_of_refused(identity), None))
                changed.count("parent_forgotten")

    # Memory ----------------------------------------------------------------------------------------------------------------------

    def _put(self, record: ReadyRecord) -> None:
        self._waiting[record.number] = record.key
        self._kin(record.key).waiting[record.number] = WaitingRecord(record, parents_of(record))

    def _drop(self, record: ReadyRecord, changed: Changed) -> None:
        del self._visits[self._waiting.pop(record.number)].waiting[record.number]
        self._free.discard(record.number)
        changed.sends.append(self._send(entries.key_of_waiting(record.number), None))

    def _refuse(self, identity: Identity, visit_key: bytes) -> None:
        self._refused[identity] = visit_key
        self._kin(visit_key).refused.add(identity)

    def _kin(self, visit_key: bytes) -> Kin:
        return self._visits.setdefault(visit_key, Kin())

    def _look(self, visit_keys: Iterable[bytes]) -> None:
        """Find out anew what may go, of visits in which something changed."""
        for visit_key in list(visit_keys):
            if (kin := self._visits.get(visit_key)) is None:
                continue
            kin.look()
            for number, one in kin.waiting.items():
                (self._free.discard if any(parent in kin.open for parent in one.parents) else self._free.add)(number)
            if not kin.refused and not kin.waiting:
                del self._visits[visit_key]

    def _send(self, key: bytes, value: bytes | None) -> Send:
        return Send(topic=self._at.topic, key=key, value=value)

"""What a portion of a plan leads to, until it is committed: receipts, dead letters, and how many of its records were refused."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from connector.contract import Topics
from streams.deadletter.closing import encode_closed
from streams.deadletter.record import encode_dead_letter
from streams.deliver.receipt import encode_receipt, receipt
from streams.deliver.verdict import Accepted, Held
from streams.domain.batch.cut import Batch
from streams.domain.closings import Closed, ClosedBy, letter_id
from streams.domain.ready import closes, recalls_in
from streams.domain.records import DeadLetter, ReadyRecord
from streams.lanes.deliver.flood_guard import Tally, rows_of
from streams.lanes.deliver.letters import STAGE
from streams.lanes.deliver.orphan_kin import Changed, Decision
from streams.lanes.deliver.plan import Plan
from streams.lanes.deliver.tries import Decided, SetAside
from streams.lanes.marks import DeliverMark
from streams.lanes.ports import Send


class Laid(NamedTuple):
    """Where in a plan an institution was set aside: all that is its own before is settled, nothing behind."""

    batch: int
    """The first batch of it that is not settled."""
    skipped: int
    """How many of that batch's records are settled nevertheless."""
    quiet: bool
    """Whether nothing of it can have been taken by the platform."""
    fresh: bool
    """Whether nothing of it in the plan is settled or refused."""
    held: Held | None = None
    """Why, where that was heard just now."""
    flooded: bool = False
    """Whether nobody holds it but the flood guard."""
    anew: bool = False
    """Whether nothing of it was posted, and its records get plans of their own."""


class _Refused(NamedTuple):
    """The first refusal of an institution in a portion: what stood there before it."""

    place: int
    """Of its batch."""
    done: int
    """Of that batch, so many records were settled or decided."""
    decisions: int
    """How many there were, as the next two."""
    dead: int
    """Dead letters."""
    left: int
    """Records that were not posted."""
    in_a_row: int
    """Its records refused before that since one was accepted."""


@dataclass(slots=True)
class Settling:
    """What a portion of a plan leads to, until it is committed."""

    plan: Plan
    """The plan as it is to be committed."""
    records: Sequence[ReadyRecord]
    """All records of the plan."""
    restored: bool
    """Whether an earlier owner may have posted it."""
    tally: Tally
    """How many records were accepted and refused."""
    recalls: Sequence[ReadyRecord]
    """Of them, what is never posted: it takes an earlier record back that may wait."""
    size: int
    """Records of the portion that are posted; of the whole plan while records that fit into no envelope are set aside."""
    receipts: list[Send] = field(default_factory=list)
    """Messages to write."""
    closed: list[Closed] = field(default_factory=list)
    """Letters that what was accepted closes."""
    dead: list[DeadLetter] = field(default_factory=list)
    """Dead letters to write."""
    decisions: list[Decision] = field(default_factory=list)
    """What the platform decided, in its order; what fits into no envelope counts as refused."""
    left: list[ReadyRecord] = field(default_factory=list)
    """Records that were not posted, because what they belong to is refused."""
    institution: str = ""
    """Whose records alone are delivered, which were aside; `""`: a plan of the lane."""
    whole: bool = False
    """Whether these were set aside in a plan of the lane, and its records are those of all institutions."""
    skipped: int = 0
    """Of the first batch, so many records are settled."""
    done: int = 0
    """Of the batch under way, so many records are settled or decided."""
    laid: dict[str, Laid] = field(default_factory=dict)
    """By institution: where in the plan it was set aside."""
    buried: set[str] = field(default_factory=set)
    """Institutions of records that fit into no envelope, which became dead letters with the plan's first portion."""
    sizes: Counter[str] = field(default_factory=Counter)
    """By institution: its records of the portion that are posted; until then, all of the plan."""
    place: int = 0
    """Of the batch under way."""
    _refused: dict[str, _Refused] = field(default_factory=dict)
    """By institution: its first refusal in the portion."""

    def __post_init__(self) -> None:
        self.sizes = Counter(record.institution for record in self.content)

    @property
    def unknown_since(self) -> int | None:
        """From when on (ms) an earlier owner may have posted its batches."""
        return self.plan.opened_at * 1000 if self.restored else None

    @property
    def content(self) -> Sequence[ReadyRecord]:
        """What the plan's batches are cut from: its records without the recalls."""
        if not self.recalls:
            return self.records
        recalls = {recall.number for recall in self.recalls}
        return [record for record in self.records if record.number not in recalls]

    def begin(self, portion: Iterable[Batch]) -> None:
        """Begin with a portion: from now on the flood guard counts refusals against what is posted of these batches only."""
        batches = [*portion]
        self.size, self.sizes = self.weight(batches), Counter()
        for batch in batches:
            self.sizes[batch.institution] += self.weight([batch])
        self.tally, self._refused = self.tally.next_portion(), {}

    def weight(self, batches: Iterable[Batch]) -> int:
        """How many of their records are posted."""
        return sum([len(self.posted(batch).records) for batch in batches])

    def lay(self, place: int, aside: SetAside, batches: Sequence[Batch]) -> None:
        """Note that an institution is set aside from one of its batches on. A plan of orphans is settled as a whole, or its records
        would not be found again: what of it was taken is in doubt.
        """
        batch = batches[place]
        if self.plan.of_orphans:
            taken = any(decision.accepted for decision in self.decisions)
            first = self._refused.get(batch.institution)
            self.tally.without(batch.institution, accepted=self.tally.accepted, was_in_a_row=first.in_a_row if first else 0)
            self.committed()
            quiet = aside.unknown_since is None and not taken
            laid = Laid(batch=0, skipped=0, quiet=quiet, fresh=False, held=aside.held, flooded=aside.flooded)
            self.laid[batch.institution] = laid
            return
        if aside.flooded:
            self._lay_flooded(batch.institution)
            return
        touched = self.done or self.plan.is_refused(batch.node) or batch.institution in self.buried
        self.laid[batch.institution] = Laid(
            batch=place,
            skipped=self.done,
            quiet=aside.unknown_since is None,
            fresh=not touched and all(one.institution != batch.institution for one in batches[:place]),
            held=aside.held,
        )

    def _lay_flooded(self, institution: str) -> None:
        """Before its first refusal in the portion: nothing of what came of that is written. What was taken since is in doubt."""
        first = self._refused[institution]
        taken = self._forget(institution, first)
        quiet = not taken and not self.restored
        self.laid[institution] = Laid(batch=first.place, skipped=first.done, quiet=quiet, fresh=False, flooded=True)

    def lay_anew(self, institution: str) -> None:
        """Note that an institution is set aside of which nothing of this plan was posted, nor will be."""
        self._forget(institution, self._refused[institution])
        self.laid[institution] = Laid(batch=0, skipped=0, quiet=True, fresh=True, flooded=True, anew=True)

    def _forget(self, institution: str, first: _Refused) -> int:
        """Forget what came of an institution's records since its first refusal; of how many the platform took."""
        decisions, receipts, written, taken = [], [], iter(self.receipts), 0
        for number, decision in enumerate(self.decisions):
            receipt_ = next(written) if decision.accepted else None
            if number >= first.decisions and decision.records[0].institution == institution:
                taken += len(decision.records) if decision.accepted else 0
                continue
            decisions.append(decision)
            receipts += [receipt_] if receipt_ is not None else []
        self.decisions, self.receipts = decisions, receipts
        self.dead = [one for number, one in enumerate(self.dead) if number < first.dead or one.institution != institution]
        self.left = [one for number, one in enumerate(self.left) if number < first.left or one.institution != institution]
        self.tally.without(institution, accepted=taken, was_in_a_row=first.in_a_row)
        return taken

    def posted(self, batch: Batch) -> Batch:
        """A batch without the records that are left out. It may be empty."""
        if not self.plan.left:
            return batch
        left = {record.number for place, record in enumerate(self.records) if self.plan.left >> place & 1}
        return replace(batch, records=tuple([record for record in batch.records if record.number not in left]))

    def refuse(self, record: ReadyRecord, letter: DeadLetter) -> None:
        """Note that a record goes to the dead letters."""
        if record.institution not in self._refused:
            row = self.tally.rows.get(record.institution, 0)
            before = _Refused(self.place, self.done, len(self.decisions), len(self.dead), len(self.left), row)
            self._refused[record.institution] = before
        self.tally.refuse(record.institution)
        self.dead.append(letter)
        self.decisions.append(Decision((record,), accepted=False))
        self.done += 1

    def pass_over(self, records: Sequence[ReadyRecord]) -> None:
        """Note that records are not posted, or not any more, because they were made anew."""
        self.left += records
        self.done += len(records)

    def accept(self, batch: Batch, decided: Decided, *, msgid: str, topics: Topics) -> None:
        """Note that the platform took a batch."""
        assert isinstance(decided.verdict, Accepted)
        written = receipt(
            batch,
            decided.verdict,
            msgid=msgid,
            plan=self.plan.id,
            attempts=decided.attempts,
            begun_at=decided.begun_at,
            posted_at=decided.posted_at,
            answered_at=decided.decided_at,
        )
        key, value = encode_receipt(written)
        self.receipts.append(Send(topic=topics.receipts, key=key, value=value))
        for record in batch.records:
            if record.added and (letter := closes(record.added)):
                self.closed.append(Closed(letter, record.key, decided.decided_at, ClosedBy.ACCEPTED, msgid))
        self.decisions.append(Decision(batch.records, accepted=True, at=decided.decided_at))
        self.done += len(batch.records)
        self.tally.accept(len(batch.records), batch.institution)

    def committed(self) -> None:
        """Forget what a transaction has committed."""
        self.receipts, self.closed, self.dead, self.decisions, self.left, self._refused = [], [], [], [], [], {}


def settling(plan: Plan, records: Sequence[ReadyRecord], *, restored: bool, tally: Tally) -> Settling:
    """The beginning of a plan of the lane."""
    recalls = recalls_in(records)
    return Settling(
        plan=replace(plan, quiet=False),
        records=records,
        recalls=recalls,
        restored=restored,
        tally=tally,
        size=plan.size - len(recalls),
    )


def tally_in(mark: DeliverMark) -> Tally:
    """What of refusals before a plan counts for the flood guard."""
    return Tally(in_a_row=mark.refused_in_a_row, rows={**mark.rows})


def refused_after(run: Settling | None, mark: DeliverMark, *, but: Iterable[str]) -> Mapping[str, Any]:
    """The same, to be committed with a portion of the lane's plan. but: institutions that are aside."""
    tally = tally_in(mark) if run is None else run.tally
    return {"refused_in_a_row": tally.in_a_row, "rows": rows_of(tally.rows, but=but)}


def sends(run: Settling | None, dead: Sequence[DeadLetter], changed: Changed, topics: Topics) -> list[Send]:
    """The messages of a transaction. run: None where no plan is settled with it."""
    closed = [*(run.closed if run else ()), *changed.closed, *superseded(dead)]
    # What was refused may be accepted in a later version with the same transaction: its letter stands before what closes it.
    letters = [*(_dead_send(letter, topics) for letter in dead), *(_closed_send(one, topics) for one in closed)]
    return [*(run.receipts if run else ()), *letters, *changed.sends]


def superseded(dead: Sequence[DeadLetter]) -> Iterator[Closed]:
    """The letters of the join about rows whose record has a letter of this stage now."""
    for letter in dead:
        if (before := closes(letter.original_headers)) and letter.key is not None:
            yield Closed(before, letter.key, letter.failed_at, ClosedBy.SUPERSEDED, letter_id(letter))


def _closed_send(closed: Closed, topics: Topics) -> Send:
    key, value, headers = encode_closed(closed, STAGE)
    return Send(topic=topics.dead, key=key, value=value, headers=headers)


def _dead_send(letter: DeadLetter, topics: Topics) -> Send:
    key, value, headers = encode_dead_letter(letter)
    return Send(topic=topics.dead, key=key, value=value, headers=headers)

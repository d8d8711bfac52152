"""What a portion of a plan leads to, until it is committed: receipts, dead letters, and how many of its records were refused."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from connector.contract import Topics
from streams.deadletter.record import encode_dead_letter
from streams.deliver.receipt import encode_receipt, receipt
from streams.deliver.verdict import Accepted
from streams.domain.batch.cut import Batch
from streams.domain.records import DeadLetter, ReadyRecord
from streams.lanes.deliver.flood_guard import Tally
from streams.lanes.deliver.orphans import Decision
from streams.lanes.deliver.plan import Plan
from streams.lanes.deliver.posting import Decided
from streams.lanes.ports import Send


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
    dead: list[DeadLetter] = field(default_factory=list)
    """Dead letters to write."""
    decisions: list[Decision] = field(default_factory=list)
    """What the platform decided, in its order; what fits into no envelope counts as refused."""
    left: list[ReadyRecord] = field(default_factory=list)
    """Records that were not posted, because what they belong to is refused."""

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
        self.size = sum([len(self.posted(batch).records) for batch in portion])
        self.tally = Tally(in_a_row=self.tally.in_a_row)

    def posted(self, batch: Batch) -> Batch:
        """A batch without the records that are left out. It may be empty."""
        if not self.plan.left:
            return batch
        left = {record.number for place, record in enumerate(self.records) if self.plan.left >> place & 1}
        return replace(batch, records=tuple([record for record in batch.records if record.number not in left]))

    def refuse(self, record: ReadyRecord, letter: DeadLetter) -> None:
        """Note that a record goes to the dead letters."""
        self.dead.append(letter)
        self.decisions.append(Decision((record,), accepted=False))

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
        self.decisions.append(Decision(batch.records, accepted=True))
        self.tally.accept(len(batch.records))

    def committed(self) -> None:
        """Forget what a transaction has committed."""
        self.receipts, self.dead, self.decisions, self.left = [], [], [], []


def dead_send(letter: DeadLetter, topics: Topics) -> Send:
    """The message of a dead letter."""
    key, value, headers = encode_dead_letter(letter)
    return Send(topic=topics.dead, key=key, value=value, headers=headers)

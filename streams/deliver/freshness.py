"""Where the time went between a commit in the hospital's database and the platform's answer, from the receipts."""

from dataclasses import dataclass

from streams.deliver.receipt import Receipt, ReceiptLine

PARTS = ("capture", "join", "batch", "seal", "post")
"""In the order of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How long each part of an accepted record's way took, in milliseconds. The parts add up to the whole."""

    capture: int
    """From the commit in the database to the change's message in `visit.changes` (Debezium, Connect)."""
    join: int
    """From there to the record's message in `visit.ready` (fetch, linger, fold)."""
    batch: int
    """From there until its batch is sealed (the join's commit, fetch, linger, plan, batches before it in its lane)."""
    seal: int
    """Waiting for SM2."""
    post: int
    """From there to the answer that accepted it (turn, request, answer, and every try before it)."""

    @property
    def whole(self) -> int:
        """From the commit to the answer."""
        return self.capture + self.join + self.batch + self.seal + self.post


def freshness(receipt: Receipt, line: ReceiptLine) -> Freshness | None:
    """How long the parts of one record's way took; None where an earlier version wrote the receipt, without these times.

    A part can be negative where the clocks of database, Connect and workers differ.
    """
    if not (line.captured_at and line.ready_at and receipt.begun_at):
        return None
    return Freshness(
        capture=line.captured_at - line.committed_at,
        join=line.ready_at - line.captured_at,
        batch=receipt.begun_at - line.ready_at,
        seal=receipt.sealing_ms,
        post=receipt.answered_at - receipt.begun_at - receipt.sealing_ms,
    )

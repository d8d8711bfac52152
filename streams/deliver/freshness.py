"""Where the time went between a commit in the hospital's database and the platform's answer, from the receipts."""

from dataclasses import dataclass

from streams.deliver.receipt import Receipt, ReceiptLine

PARTS = ("capture", "join", "batch", "seal", "post")
"""In the order of the data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """One accepted record's way in milliseconds; the parts add up to the whole.

    capture: from the commit to the change's message in `visit.changes` (Debezium, Connect). join: to the record's message in
    `visit.ready` (fetch, linger, fold). batch: until its batch is sealed (the join's commit, fetch, linger, plan, batches before it
    in its lane). seal: SM2. post: to the answer that accepted it (turn, request, answer, and every try before it).
    """

    capture: int
    join: int
    batch: int
    seal: int
    post: int

    @property
    def whole(self) -> int:
        """From the commit to the answer."""
        return self.capture + self.join + self.batch + self.seal + self.post


def freshness(receipt: Receipt, line: ReceiptLine) -> Freshness | None:
    """The way of one record of a receipt; None where an earlier version wrote it, without these times.

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

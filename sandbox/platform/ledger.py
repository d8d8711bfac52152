"""What the platform remembers: used msgids, accepted records, and the counts that a test or a person asks for."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal

from sandbox.platform.answers import Code
from sandbox.platform.envelope import Envelope
from sandbox.platform.journal import Entry, Journal
from sandbox.platform.rows import Row
from streams.spec.fields import Service, ServiceCode

_AMOUNT = "MEDFEE_SUMAMT"
_PHARMACY = "P"


class Ledger:
    """The memory of the platform.

    A msgid is used once its batch is accepted. A refused one is free again (the next post is judged anew) unless
    `remember_refused`; an accepted one is forgotten after `forget_accepted_after_s`, None for never.
    """

    def __init__(self, journal: Journal, *, remember_refused: bool = False, forget_accepted_after_s: float | None = None) -> None:
        self._journal = journal
        self._remember_refused = remember_refused
        self._forget_after_s = forget_accepted_after_s
        self._used: dict[str, int] = {}
        self._refused: set[str] = set()
        self._versions: defaultdict[tuple[str, str, str], dict[str, str]] = defaultdict(dict)
        self._last: dict[tuple[str, str, str], Entry] = {}
        self._counts: Counter[str] = Counter()
        self._order: Counter[str] = Counter()
        self._charged: set[tuple[str, str, str]] = set()
        self._accepted: Counter[tuple[str, str]] = Counter()
        self._batches: Counter[tuple[str, str]] = Counter()
        self._amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.codes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.findings: Counter[str] = Counter()
        for entry in journal.entries:
            self._used[entry.msgid] = entry.at_ms
            self._count(entry)

    def is_used(self, msgid: str, *, now_ms: int) -> bool:
        """Whether a post under this msgid is a repetition."""
        at_ms = self._used.get(msgid)
        if at_ms is not None and self._forget_after_s is not None and now_ms - at_ms > self._forget_after_s * 1000:
            at_ms = None
        return at_ms is not None or msgid in self._refused

    def refuse(self, msgid: str) -> None:
        """Note that a batch was refused."""
        if self._remember_refused:
            self._refused.add(msgid)

    def accept(self, envelope: Envelope, rows: Sequence[Row], *, service: Service, now_ms: int) -> bool:
        """Take a batch in, durably; False (and nothing taken) when its msgid was used in the meantime."""
        if self.is_used(envelope.msgid, now_ms=now_ms):
            return False
        first = len(self._journal.entries) + 1
        self._journal.append(
            [
                Entry(
                    n=first + index,
                    msgid=envelope.msgid,
                    service=str(envelope.service),
                    institution=envelope.institution,
                    infno=envelope.infno,
                    key=row.text_of(service.key),
                    hash=row.content_hash,
                    at_ms=now_ms,
                    rows=len(rows),
                    amount=row.text_of(_AMOUNT) if envelope.service is ServiceCode.SETTLEMENT else "",
                    value=row.text,
                )
                for index, row in enumerate(rows)
            ]
        )
        self._used[envelope.msgid] = now_ms
        for row, entry in zip(rows, self._journal.since(first - 1), strict=True):
            self._check_order(entry, row)
            self._check_refund(entry, row)
            self._count(entry)
        return True

    def _check_refund(self, entry: Entry, row: Row) -> None:
        """Count a refund line that arrives for the first time before any line of the same visit charged for its item (rule R9)."""
        if entry.service != ServiceCode.FEE:
            return
        item = entry.institution, row.text_of("MDTRT_ID"), row.text_of("MED_LIST_CODG")
        if not row.text_of("DET_ITEM_FEE_SUMAMT").startswith("-"):
            self._charged.add(item)
        elif item not in self._charged and (entry.service, entry.institution, entry.key) not in self._versions:
            self._order["refund before its line"] += 1

    def _check_order(self, entry: Entry, row: Row) -> None:
        """Count a record that arrives for the first time before what it belongs to."""
        if (entry.service, entry.institution, entry.key) not in self._versions:
            for owner in self.owners_unknown(row, service=entry.service, institution=entry.institution):
                self._order[f"{entry.service} before {owner}"] += 1

    def owners_unknown(self, row: Row, *, service: str, institution: str) -> list[ServiceCode]:
        """Which of the records that this one belongs to were never accepted. Pharmacies report no visits (§3.3.3)."""
        owners: dict[ServiceCode, str] = {}
        if service != ServiceCode.VISIT and not institution.startswith(_PHARMACY):
            owners[ServiceCode.VISIT] = row.text_of("MDTRT_ID")
        if service == ServiceCode.FEE:
            owners[ServiceCode.SETTLEMENT] = row.text_of("SETL_ID")
        return [owner for owner, key in owners.items() if (str(owner), institution, key) not in self._versions]

    def _count(self, entry: Entry) -> None:
        identity = (entry.service, entry.institution, entry.key)
        versions, last = self._versions[identity], self._last.get(identity)
        earlier = versions.get(entry.hash)
        if earlier is not None:
            self._counts["doubled" if earlier != entry.msgid else "same_msgid_again"] += 1
            self._counts["doubled_unchanged"] += last is not None and last.hash == entry.hash and last.msgid != entry.msgid
        elif versions:
            self._counts["corrections"] += 1
        versions[entry.hash] = entry.msgid
        self._last[identity] = entry
        self._accepted[entry.service, entry.institution] += 1
        self._batches[entry.service, entry.institution] += self._starts_batch(entry)
        if entry.amount:
            before = Decimal(last.amount) if last is not None else Decimal(0)
            self._amounts[entry.institution] += Decimal(entry.amount) - before

    def _starts_batch(self, entry: Entry) -> bool:
        return entry.n == 1 or self._journal.entries[entry.n - 2].msgid != entry.msgid

    def stats(self) -> dict[str, object]:
        """The counts as one JSON object. `doubled`: same key and content accepted under two msgids (also after a change back);
        `doubled_unchanged`: with no other content of that key in between, which is what a sender must never do.
        """
        distinct = Counter((service, institution) for service, institution, _ in self._versions)
        accepted: dict[str, dict[str, dict[str, int]]] = {}
        for (service, institution), count in sorted(self._accepted.items()):
            accepted.setdefault(service, {})[institution] = {
                "records": count,
                "distinct": distinct[service, institution],
                "batches": self._batches[service, institution],
            }
        return {
            "posts": self.codes.total() + self.faults["unjudged"],
            "unjudged": self.faults["unjudged"],
            "by_code": dict(sorted(self.codes.items())),
            "by_fault": {name: count for name, count in sorted(self.faults.items()) if name != "unjudged"},
            "by_finding": dict(sorted(self.findings.items())),
            "accepted_records": len(self._journal.entries),
            "distinct_records": len(self._versions),
            "accepted": accepted,
            "repeated_msgid": self.codes[str(int(Code.REPEATED))],
            "corrections": self._counts["corrections"],
            "doubled": self._counts["doubled"],
            "doubled_unchanged": self._counts["doubled_unchanged"],
            "same_msgid_again": self._counts["same_msgid_again"],
            "order_violations": {"total": self._order.total(), **dict(sorted(self._order.items()))},
            "amounts": {institution: f"{amount:.2f}" for institution, amount in sorted(self._amounts.items())},
        }

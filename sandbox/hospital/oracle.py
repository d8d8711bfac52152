"""What must be reported of a workload, worked out from the rows themselves and independent of the pipeline.

For every row of a visit, settlement or fee table it keeps what would be sent: one version for each content that the database
showed once the visit and the settlement were there too, and reported (rule R24). What was wrong on purpose ends as its label says,
unless its visit or settlement is wrong, too: then it waits for that one.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sandbox.hospital.catalogue import reference_rows
from sandbox.hospital.changes import Change, Flaw, Transaction, Verb
from sandbox.hospital.expected import Expected
from sandbox.hospital.institutions import INSTITUTIONS
from sandbox.hospital.reports import Fields, content_hash, fee_fields, settlement_fields, visit_fields
from sandbox.hospital.tables import CATALOGUE, DEPARTMENTS, FEES, PATIENTS, SETTLEMENTS, VISITS, Cell, Cells

End: TypeAlias = tuple[str, str]
"""Class and rule of a dead letter."""

_SERVICES: Final = {VISITS.name: "mdtrt_d", SETTLEMENTS.name: "setl_d", FEES.name: "fee_list_d"}
_KEY_FIELDS: Final = {VISITS.name: "yb_jzid", SETTLEMENTS.name: "yb_jsid", FEES.name: "mxid"}
_DELETED: Final = ("WITHDRAWN", "DELETED_AFTER_REPORT")
_RENAMED: Final = ("WITHDRAWN", "KEY_CHANGED_AFTER_REPORT")
_NO_LOOKUP: Final = ("JOIN_INCOMPLETE", "MISSING_LOOKUP")
_PATIENTS_KEPT: Final = 50_000


@dataclass(slots=True, kw_only=True)
class _Account:
    """What is known of one row."""

    row: Cells
    """Its cells now."""
    flaw: Flaw | None
    """What is wrong with it on purpose."""
    deleted: bool = False
    """Whether it was deleted."""
    renamed: bool = False
    """Whether it is a row's record under the key that it had; the row goes on in another account."""
    counted: bool = False
    """Whether its record is among those that are expected so far."""
    versions: list[str] = field(default_factory=list)
    """Content hashes that it showed, without repetitions in a row."""
    fields: Fields = field(default_factory=dict)
    """Interface fields of its last version."""
    ends: dict[End, str] = field(default_factory=dict)
    """Dead letters that it got so far, each with the flaw's name."""


@dataclass(slots=True)
class _Visit:
    """The rows of one visit, by key, in the order of their appearance."""

    visits: dict[Cell, _Account] = field(default_factory=dict)
    settlements: dict[Cell, _Account] = field(default_factory=dict)
    fees: dict[Cell, _Account] = field(default_factory=dict)
    renamed: list[tuple[str, _Account]] = field(default_factory=list)
    """By table, the records under keys that their rows had."""

    def of(self, table: str) -> dict[Cell, _Account]:
        return {VISITS.name: self.visits, SETTLEMENTS.name: self.settlements, FEES.name: self.fees}[table]

    @property
    def head(self) -> Cells | None:
        """The visit's row."""
        return next((account.row for account in self.visits.values() if not account.deleted), None)

    def settlement(self, number: Cell) -> Cells | None:
        account = self.settlements.get(number)
        return None if account is None or account.deleted else account.row


class Oracle:
    """Follows the transactions of a workload; `write` gets the expectations of each visit that is closed.

    captured: whether capture sees every change. Until `start_capture` only the rows that stand at that moment count.
    """

    def __init__(self, write: Callable[[Expected], object], *, captured: bool = False) -> None:
        self._write = write
        self._captured = captured
        self._visits: dict[str, _Visit] = {}
        self._patients: OrderedDict[Cell, Cells] = OrderedDict()
        rows = list(reference_rows())
        self.so_far: Counter[str] = Counter(dict.fromkeys(_SERVICES.values(), 0))
        """Records by service that must have been accepted if nothing came after: also of visits that are not closed."""
        self._items = {row["xmbm"]: row for table, row in rows if table is CATALOGUE}
        self._departments = {f"{row['ksdm']}": row for table, row in rows if table is DEPARTMENTS}

    def follow(self, transaction: Transaction) -> None:
        """One committed transaction."""
        for change in transaction.changes:
            self._change(change)
        for visit_key in transaction.closes:
            self._close(visit_key)

    def start_capture(self) -> None:
        """Capture begins here: what stands in the database is read once, whatever happened to it before."""
        self._captured = True
        for visit in self._visits.values():
            self._drop_unseen(visit)
            self._read(visit)

    def finish(self) -> None:
        """The workload is over."""
        for visit_key in list(self._visits):
            self._close(visit_key)

    def _change(self, change: Change) -> None:
        name = change.table.name
        if change.table is PATIENTS:
            self._patients[change.key] = change.row
            self._patients.move_to_end(change.key)
            if len(self._patients) > _PATIENTS_KEPT:
                self._patients.popitem(last=False)
            return
        visit_key = change.row["jzlsh"]
        if not visit_key:
            self._keyless(change)
            return
        visit = self._visits.setdefault(f"{visit_key}", _Visit())
        accounts = visit.of(name)
        if change.left is not None and change.key in (left := self._visits[change.left].of(name)):
            accounts[change.key] = left.pop(change.key)
        _rename(visit, accounts, change)
        account = accounts.setdefault(change.key, _Account(row=change.row, flaw=change.flaw))
        account.row, account.flaw, account.deleted = change.row, change.flaw, change.verb is Verb.DELETE
        if self._captured:
            self._report(visit, name, account)
        self._count(name, account)

    def _report(self, visit: _Visit, name: str, account: _Account) -> None:
        """A row changed: its own record, and those that read it."""
        if account.deleted:
            return
        if name == VISITS.name:
            self._read(visit)
        elif name == SETTLEMENTS.name:
            self._show(visit, name, account)
            for fee in _present(visit.fees):
                if fee.row["jsdh"] == account.row["jsdh"]:
                    self._show(visit, FEES.name, fee)
        else:
            self._show(visit, name, account)

    def _read(self, visit: _Visit) -> None:
        for name in _SERVICES:
            for account in _present(visit.of(name)):
                self._show(visit, name, account)

    def _show(self, visit: _Visit, name: str, account: _Account) -> None:
        """The record of a row as it is now: a version, a refusal, or nothing while a part is missing."""
        if _missing(visit, name, account.row) or _is_held(visit, name, account.row):
            return
        flaw = account.flaw
        if flaw is not None and flaw.dead_class != "REJECTED" and (flaw.dead_class, flaw.rule) != _NO_LOOKUP:
            account.ends[flaw.dead_class, flaw.rule] = flaw.name
            return
        fields = self._fields(visit, name, account.row)
        if fields is None:
            account.ends[_NO_LOOKUP] = "" if flaw is None else flaw.name
            return
        shown = content_hash(fields)
        if not account.versions or account.versions[-1] != shown:
            account.versions.append(shown)
        account.fields = fields
        self._count(name, account)

    def _count(self, name: str, account: _Account) -> None:
        """A record is expected as soon as it can be reported; not, where the platform will refuse it."""
        refused = account.flaw is not None and account.flaw.dead_class == "REJECTED" and not account.deleted
        expected = bool(account.versions) and not refused
        self.so_far[_SERVICES[name]] += expected - account.counted
        account.counted = expected

    def _fields(self, visit: _Visit, name: str, row: Cells) -> Fields | None:
        head = visit.head
        if name == VISITS.name:
            return visit_fields(row, patient=self._patients[row["brid"]], department=self._departments.__getitem__)
        if name == SETTLEMENTS.name:
            return settlement_fields(row, visit=head)
        item = self._items.get(row["xmbm"])
        settlement = visit.settlement(row["jsdh"])
        return None if item is None or settlement is None else fee_fields(row, settlement=settlement, visit=head, item=item)

    def _keyless(self, change: Change) -> None:
        flaw = change.flaw
        if flaw is None:
            raise ValueError("a row without a visit key and without a label")
        account = _Account(row=change.row, flaw=flaw)
        self._write(_expected(change.table.name, account, "", end=((flaw.dead_class, flaw.rule), flaw.name)))

    def _drop_unseen(self, visit: _Visit) -> None:
        for accounts in (visit.visits, visit.settlements, visit.fees):
            for key in [key for key, account in accounts.items() if account.deleted]:
                del accounts[key]

    def _close(self, visit_key: str) -> None:
        visit = self._visits.pop(visit_key, None)
        if visit is None:
            return
        if not self._captured:
            self._drop_unseen(visit)
            self._read(visit)
        for name in _SERVICES:
            former = [account for table, account in visit.renamed if table == name]
            for account in [*former, *visit.of(name).values()]:
                for expected in _endings(visit, name, account, visit_key):
                    self._write(expected)


def _rename(visit: _Visit, accounts: dict[Cell, _Account], change: Change) -> None:
    """A row whose record gets another key. What was reported under the one that it had stays with the platform."""
    place = change.key if change.was is None else change.was
    known, field_of_key = accounts.get(place), _KEY_FIELDS[change.table.name]
    if known is None or (change.was is None and known.row[field_of_key] == change.row[field_of_key]):
        return
    del accounts[place]
    if known.versions:
        known.deleted = known.renamed = True
        visit.renamed.append((change.table.name, known))


def _present(accounts: dict[Cell, _Account]) -> list[_Account]:
    return [account for account in accounts.values() if not account.deleted]


def _missing(visit: _Visit, name: str, row: Cells) -> str:
    """The part that a record waits for."""
    if name == VISITS.name:
        return ""
    institution = INSTITUTIONS.get(f"{row['jgdm']}")
    if institution is None:
        return ""  # refused at once, whatever is missing
    if name == FEES.name and visit.settlement(row["jsdh"]) is None:
        return "SETTLEMENT" if row["jsdh"] else "UNSETTLED"
    return "" if institution.pharmacy or visit.head is not None else "VISIT"


def _is_held(visit: _Visit, name: str, row: Cells) -> bool:
    """Whether what a row belongs to is there and was never reported, because it is wrong."""
    institution = INSTITUTIONS.get(f"{row['jgdm']}")
    if name == VISITS.name or institution is None:
        return False
    owners = [] if institution.pharmacy else _present(visit.visits)
    if name == FEES.name and row["jsdh"] in visit.settlements:
        owners.append(visit.settlements[row["jsdh"]])
    return any(not owner.versions for owner in owners)


def _endings(visit: _Visit, name: str, account: _Account, visit_key: str) -> Iterator[Expected]:
    """All that must be found of one row: how it ended, and the dead letters on the way."""
    flaw = account.flaw
    if account.versions:
        if account.deleted:
            yield _expected(name, account, visit_key, end=(_RENAMED if account.renamed else _DELETED, ""), outcome="withdrawn")
        elif flaw is not None and flaw.dead_class == "REJECTED":
            yield _expected(name, account, visit_key, end=((flaw.dead_class, flaw.rule), flaw.name))
        else:
            yield _expected(name, account, visit_key)
    for end in account.ends.items():
        yield _expected(name, account, visit_key, end=end)
    if account.versions or account.ends or account.deleted:
        return
    missing = _missing(visit, name, account.row)
    held = not missing and _is_held(visit, name, account.row)
    if held or missing == "UNSETTLED":
        yield _expected(name, account, visit_key, end=(("", "PARENT_REFUSED" if held else missing), ""), outcome="pending")
    else:
        yield _expected(name, account, visit_key, end=(("JOIN_INCOMPLETE", f"MISSING_{missing}"), flaw.name if flaw else ""))


def _expected(name: str, account: _Account, visit_key: str, *, end: tuple[End, str] | None = None, outcome: str = "") -> Expected:
    row = account.row
    (dead_class, rule), flaw = end or (("", ""), "")
    refused = bool(dead_class) and outcome != "withdrawn"
    shown = not refused or dead_class == "REJECTED"
    institution = INSTITUTIONS.get(f"{row['jgdm']}")
    return Expected(
        service=_SERVICES[name],
        institution="" if institution is None else institution.code,
        key=f"{row[_KEY_FIELDS[name]]}",
        row_key=f"{account.row[{VISITS.name: 'jzid', SETTLEMENTS.name: 'jsdh', FEES.name: 'mxid'}[name]]}",
        visit_key=visit_key,
        outcome=outcome or ("refused" if refused else "accepted"),
        dead_class=dead_class,
        rule=rule,
        versions=tuple(account.versions) if shown else (),
        fields=account.fields if shown else {},
        flaw=flaw,
    )

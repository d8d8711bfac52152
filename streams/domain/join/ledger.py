"""What a visit was charged, by institution and item, kept up to date while its lines change, so that a refund is not counted anew
over all of them (rule R9, `streams.domain.join.refunds`).

It is made of the visit's rows when the first refund asks for it, and lives in memory only, with the state that it is of: what a
transaction did not commit it forgets. Every line that a fold changes is put into it (`Visit.put`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from streams.domain.join.entries import StoredRow
from streams.domain.join.parts import Part

Item: TypeAlias = tuple[str, str]
"""Institution, and what of it."""

_AWAITED_LINE = Part.POSITIVE_LINE.value
_NOTHING = Decimal(0)


class Charge(NamedTuple):
    """What a line charges, or takes back."""

    of: Item
    """Its institution and item."""
    amount: Decimal
    """Less than 0 of a refund."""
    record: str
    """As which it was reported; `""` where that is not known."""
    is_reported: bool
    """Whether it was reported."""
    is_awaited: bool
    """Whether it may still be reported: it waits for something."""
    came: tuple[int, str, tuple[str, ...]]
    """Sorts lines as they came."""


class Sum(NamedTuple):
    """What the other lines of an item say to a refund."""

    is_reported: bool
    """Whether a line with a positive amount was reported."""
    is_awaited: bool
    """Whether one is to come."""
    balance: Decimal
    """Of what was reported."""


@dataclass(slots=True)
class _Account:
    """The lines of one item."""

    records: dict[str | bytes, dict[bytes, Charge]] = field(default_factory=dict, repr=False)
    """What was reported, by record and line: two rows may back one record, which was charged once, as the first of them says."""
    balance: Decimal = _NOTHING
    positive: int = 0
    awaited: int = 0

    def count(self, name: str | bytes, sign: int) -> None:
        """Add a record to the sums, or take it out."""
        if lines := self.records.get(name):
            amount = _first(lines.values()).amount
            self.balance += sign * amount
            self.positive += sign * (amount > 0)


def _first(charges: Iterable[Charge]) -> Charge:
    return min(charges, key=lambda charge: charge.came)


class Ledger:
    """charge_of: what a line charges; None where nobody can say. tag: what that depends on besides the line."""

    def __init__(self, charge_of: Callable[[StoredRow], Charge | None], tag: object) -> None:
        self.tag = tag
        self._charge_of = charge_of
        self._lines: dict[bytes, tuple[Charge | None, bool]] = {}
        self._accounts: dict[Item, _Account] = {}
        self._held: dict[Item | None, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def put(self, where: bytes, row: StoredRow | None) -> None:
        """A line as it is now; None where there is none."""
        charge, held = self._lines.pop(where, (None, False))
        if held:
            self._held[charge and charge.of].discard(where)
        if charge is not None:
            self._count(where, charge, -1)
        if row is None:
            return
        charge, held = self._charge_of(row), _AWAITED_LINE in (row.waits_for or row.refused)
        self._lines[where] = charge, held
        if held:
            self._held.setdefault(charge and charge.of, set()).add(where)
        if charge is not None:
            self._count(where, charge, 1)

    def held(self, items: Iterable[Item]) -> set[bytes]:
        """The refund lines that are held, of these items or of what nobody can say."""
        return set().union(*(self._held.get(item, ()) for item in (None, *items)))

    def sum_of(self, item: Item, *, but: bytes, record: str) -> Sum:
        """What all lines of an item say to one of them. record: which that is, or will be."""
        account = self._accounts.get(item)
        if account is None:
            return Sum(is_reported=False, is_awaited=False, balance=_NOTHING)
        balance, positive, awaited = account.balance, account.positive, account.awaited
        own, _ = self._lines.get(but, (None, False))
        mine = own is not None and own.of == item
        if mine and own is not None:
            awaited -= own.is_awaited and own.amount > 0
        for name in {record, _name(but, own) if mine and own is not None and own.is_reported else record}:
            lines = account.records.get(name, {})
            others = [] if name == record else [charge for where, charge in lines.items() if where != but]
            for charges, sign in ((lines.values(), -1), (others, 1)):
                if charges:
                    amount = _first(charges).amount
                    balance += sign * amount
                    positive += sign * (amount > 0)
        return Sum(is_reported=positive > 0, is_awaited=awaited > 0, balance=balance)

    def _count(self, where: bytes, charge: Charge, sign: int) -> None:
        account = self._accounts.setdefault(charge.of, _Account())
        if charge.is_awaited and charge.amount > 0:
            account.awaited += sign
        if not charge.is_reported:
            return
        name = _name(where, charge)
        account.count(name, -1)
        lines = account.records.setdefault(name, {})
        if sign > 0:
            lines[where] = charge
        else:
            del lines[where]
        account.count(name, 1)
        if not lines:
            del account.records[name]


def _name(where: bytes, charge: Charge) -> str | bytes:
    return charge.record or where

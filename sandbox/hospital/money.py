"""How a bill is shared between funds and patient, so that the sums of rules R1 to R7 come out even."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

CENT: Final = Decimal("0.01")
_NOTHING: Final = Decimal("0.00")
_PRESELF_SHARE: Final = Decimal("0.1")
_LIMIT: Final = Decimal(100)
_OVER_SHARE: Final = Decimal("0.02")
_SERIOUS: Final = Decimal(2000)
_SERIOUS_SHARE: Final = Decimal("0.3")
_RATIOS: Final[Mapping[tuple[str, str], Decimal]] = {
    ("ZG", "outpatient"): Decimal("0.6000"),
    ("JM", "outpatient"): Decimal("0.5000"),
    ("LX", "outpatient"): Decimal("0.9500"),
    ("ZG", "inpatient"): Decimal("0.8500"),
    ("JM", "inpatient"): Decimal("0.7000"),
    ("LX", "inpatient"): Decimal("0.9800"),
}
_DEDUCTIBLE: Final = {"inpatient": Decimal(400)}


def cents(amount: Decimal) -> Decimal:
    """Half up to the cent."""
    return amount.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """A settlement's amounts in yuan."""

    total: Decimal
    """The whole bill (R3, R4)."""
    own: Decimal
    """Wholly paid by the patient."""
    over: Decimal
    """Over a price limit."""
    preself: Decimal
    """Share of partly insured items that the patient pays first."""
    in_scope: Decimal
    """What the insurance looks at."""
    pooled: Decimal
    """Paid by the pooled fund."""
    ratio: Decimal
    """Share that the pooled fund pays, from 0 to 1."""
    fund: Decimal
    """Paid by all funds."""
    person: Decimal
    """Paid by the patient."""
    account: Decimal
    """Paid from the patient's account; part of `person`."""

    def cells(self, *, sign: int = 1) -> dict[str, Decimal | str]:
        """As columns of a settlement. The pooled fund's share is stored as text, of a refund with nothing pooled as `-0.00`."""
        amounts = {
            "zje": self.total,
            "qzfje": self.own,
            "cxjje": self.over,
            "xxzfje": self.preself,
            "fhfwje": self.in_scope,
            "jjzf": self.fund,
            "grzf": self.person,
            "zhzf": self.account,
        }
        # A numeric column knows no negative zero.
        signed = {name: sign * amount + _NOTHING for name, amount in amounts.items()}
        return {**signed, "tczf": f"{sign * self.pooled}", "tcbl": self.ratio}


def share(lines: Iterable[tuple[str, Decimal]], *, insurance: str, care: str) -> Shares:
    """Share lines (level A, B or C, and amount) of one bill. care: outpatient, inpatient or pharmacy."""
    bill = tuple(lines)
    total = cents(sum((amount for _, amount in bill), _NOTHING))
    own = cents(sum((amount for level, amount in bill if level == "C"), _NOTHING))
    partly = [amount for level, amount in bill if level == "B"]
    preself = cents(sum(partly, _NOTHING) * _PRESELF_SHARE)
    over = cents(sum((amount for amount in partly if amount > _LIMIT), _NOTHING) * _OVER_SHARE)
    in_scope = total - own - preself - over
    ratio = _RATIOS.get((insurance, care), Decimal("0.0000"))
    pooled = cents(max(_NOTHING, in_scope - _DEDUCTIBLE.get(care, _NOTHING)) * ratio)
    serious = cents(max(_NOTHING, in_scope - pooled - _SERIOUS) * _SERIOUS_SHARE) if pooled else _NOTHING
    fund = pooled + serious
    person = total - fund
    account = cents(person * Decimal("0.4")) if insurance == "ZG" else _NOTHING
    return Shares(
        total=total,
        own=own,
        over=over,
        preself=preself,
        in_scope=in_scope,
        pooled=pooled,
        ratio=ratio,
        fund=fund,
        person=person,
        account=account,
    )

"""Rows that are wrong on purpose: every kind of refusal that one record shows, dealt out so that each kind comes in turn."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from sandbox.hospital.catalogue import FROZEN, NEVER_CHARGED
from sandbox.hospital.changes import Flaw
from sandbox.hospital.money import cents
from sandbox.hospital.tables import Cell, Cells

Moment: TypeAlias = Literal["visit", "discharge", "settlement", "fee"]
"""When a row can be spoilt: as it is inserted, or (a visit) at discharge."""

_LONG_AGO: Final = datetime(1800, 1, 1, 8)  # noqa: DTZ001 - the wall clock of a hospital's server
_FAR_AHEAD: Final = datetime(2199, 1, 1, 8)  # noqa: DTZ001 - likewise
_LONG_NAME: Final = "慢性阻塞性肺疾病伴有急性下呼吸道感染及呼吸衰竭"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoiler:
    """One kind of wrong row."""

    flaw: Flaw
    """Its name, and how the row must end."""
    moment: Moment
    """When a row is spoilt."""
    cells: Callable[[Cells], Mapping[str, Cell]]
    """Which cells of a row become what."""
    detached: bool = False
    """Whether the visit loses the row, so that nobody can mend it."""
    mendable: bool = True
    """Whether the hospital may mend it later."""


def _kind(  # noqa: PLR0913 - one row of the table below
    moment: Moment,
    name: str,
    ends: str,
    cells: Callable[[Cells], Mapping[str, Cell]],
    *,
    detached: bool = False,
    mendable: bool = True,
) -> Spoiler:
    dead_class, _, rule = ends.partition(" ")
    flaw = Flaw(name=name, dead_class=dead_class, rule=rule)
    return Spoiler(flaw=flaw, moment=moment, cells=cells, detached=detached, mendable=mendable and not detached)


def _unpadded(row: Cells) -> Mapping[str, Cell]:
    year = f"{row['csrq']}"[:4]
    return {"csrq": f"{year}-9-1"}


def _frozen(row: Cells) -> Mapping[str, Cell]:
    item = FROZEN[int(f"{row['mxid']}") % len(FROZEN)]
    return {"xmbm": item.own, "xmmc": item.name, "dj": item.price, "sl": Decimal(1), "je": cents(item.price), "fydj": item.level}


def _refund_of_nothing(_: Cells) -> Mapping[str, Cell]:
    item = NEVER_CHARGED
    return {"xmbm": item.own, "xmmc": item.name, "dj": item.price, "sl": Decimal(-1), "je": -cents(item.price), "fydj": item.level}


def _too_fine(row: Cells) -> Mapping[str, Cell]:
    quantity = Decimal("1.00005")
    return {"sl": quantity, "je": cents(quantity * _decimal(row["dj"]))}


def _decimal(cell: Cell) -> Decimal:
    if not isinstance(cell, Decimal):
        raise TypeError("not an amount")
    return cell


SPOILERS: Final = (
    _kind("visit", "card number as identity number", "VALIDATION R19", lambda _: {"zjlx": "SFZ", "zjhm": "A12345678"}),
    _kind("visit", "person without number", "VALIDATION REQUIRED", lambda _: {"grbh": ""}),
    _kind("visit", "unknown validity flag", "DICTIONARY DICTIONARY", lambda _: {"yxbz": "?"}),
    _kind("visit", "admitted in 1800", "VALIDATION R20", lambda _: {"kssj": _LONG_AGO}),
    _kind("discharge", "diagnosis name too long", "VALIDATION LENGTH", lambda _: {"cyzd_mc": _LONG_NAME}),
    _kind("settlement", "ratio above one", "VALIDATION R8", lambda _: {"tcbl": Decimal("1.3500")}),
    _kind("settlement", "person without type", "VALIDATION REQUIRED", lambda _: {"rylb": None}),
    _kind("settlement", "unknown sex", "DICTIONARY DICTIONARY", lambda _: {"xb": "X"}),
    _kind("settlement", "birth date without zeros", "MAPPING R20", _unpadded),
    _kind("settlement", "settled in the future", "VALIDATION R20", lambda _: {"jssj": _FAR_AHEAD}),
    _kind("settlement", "fraction of a cent", "MAPPING DECIMAL", lambda row: {"zje": _decimal(row["zje"]) + Decimal("0.0001")}),
    _kind("settlement", "card number as identity number", "VALIDATION R19", lambda _: {"zjlx": "SFZ", "zjhm": "AB123456"}),
    _kind("fee", "amount is not quantity times price", "VALIDATION R1", lambda row: {"je": _decimal(row["je"]) + Decimal(1)}),
    _kind("fee", "item without name", "VALIDATION REQUIRED", lambda _: {"xmmc": ""}),
    _kind("fee", "unknown level", "DICTIONARY DICTIONARY", lambda _: {"fydj": "D"}),
    _kind("fee", "quantity with five decimals", "MAPPING DECIMAL", _too_fine),
    _kind("fee", "charged in the future", "VALIDATION R20", lambda _: {"fysj": _FAR_AHEAD}),
    _kind("fee", "item frozen by the platform", "REJECTED ", _frozen, mendable=False),
    _kind("fee", "unknown institution", "MAPPING UNKNOWN_INSTITUTION", lambda _: {"jgdm": "99"}, detached=True),
    _kind("fee", "no visit number", "MAPPING NO_VISIT_KEY", lambda _: {"jzlsh": None}, detached=True),
    _kind("fee", "blank visit number", "MAPPING NO_VISIT_KEY", lambda _: {"jzlsh": ""}, detached=True),
    _kind(
        "fee",
        "visit never seen",
        "JOIN_INCOMPLETE MISSING_SETTLEMENT",
        lambda row: {"jzlsh": f"WX{row['mxid']}"[:20], "jsdh": f"WX{row['mxid']}"[:20]},
        detached=True,
    ),
    _kind(
        "fee",
        "settlement never seen",
        "JOIN_INCOMPLETE MISSING_SETTLEMENT",
        lambda row: {"jsdh": f"WJ{row['mxid']}"[:20]},
        detached=True,
    ),
    _kind("fee", "refund of what was never charged", "JOIN_INCOMPLETE MISSING_POSITIVE_LINE", _refund_of_nothing, mendable=False),
    _kind(
        "fee",
        "item not in the catalogue",
        "JOIN_INCOMPLETE MISSING_LOOKUP",
        lambda _: {"xmbm": "QT9999", "xmmc": "目录外项目"},
        mendable=False,
    ),
)
"""All kinds. Class and rule are how it must end; of a frozen item the platform decides, the rule is its own."""


class Deck:
    """Decides which rows are spoilt: a share of every hundred, each kind in turn. Visits and settlements are few and get a double
    share.
    """

    _WEIGHTS: Final[Mapping[Moment, float]] = {"visit": 2.0, "discharge": 4.0, "settlement": 2.0, "fee": 0.9}

    def __init__(self, share: float, *, seed: int) -> None:
        self._share = share
        self._rng = random.Random(f"{seed}/flaws")  # noqa: S311 - repeatable, not secret
        self._debt = dict.fromkeys(self._WEIGHTS, 1.0 if share else 0.0)
        self._left: dict[Moment, list[Spoiler]] = {moment: [] for moment in self._WEIGHTS}

    def deal(self, moment: Moment) -> Spoiler | None:
        """What to put into the next row of this kind, mostly nothing."""
        self._debt[moment] += self._share * self._WEIGHTS[moment]
        if self._debt[moment] < 1:
            return None
        self._debt[moment] -= 1
        left = self._left[moment]
        if not left:
            left.extend(spoiler for spoiler in SPOILERS if spoiler.moment == moment)
            self._rng.shuffle(left)
        return left.pop()

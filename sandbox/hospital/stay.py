"""One visit at one institution: what the desks of a hospital write about it. The stories decide who comes when."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sandbox.hospital.catalogue import Item
from sandbox.hospital.changes import Flaw, Script
from sandbox.hospital.flaws import Deck, Moment, Spoiler
from sandbox.hospital.institutions import Institution
from sandbox.hospital.money import CENT, Shares, cents, share
from sandbox.hospital.people import Person
from sandbox.hospital.tables import FEES, PATIENTS, SETTLEMENTS, VISITS, Cell, Cells, Table

# Ids as a snowflake generator gives them: 19 digits, neighbours 16 apart. As a JSON number they would collide.
_FIRST_LINE_ID: Final = 1_867_000_000_000_000_001
_FIRST_VISIT_ID: Final = 1_755_000_000_000_000_001
_UNEVEN_SHARE: Final = 0.005
_MEND_SHARE: Final = 0.3
CARE: Final = {"01": "outpatient", "02": "outpatient", "03": "outpatient", "11": "inpatient", "12": "inpatient", "41": "pharmacy"}
"""Kind of care by the hospital's own kind of visit."""


@dataclass(slots=True, kw_only=True)
class Stay:
    """A visit, its script so far, and its lines that can still be changed."""

    number: int
    """Number of the story, unique in a workload."""
    rng: random.Random
    """Chance of this visit alone."""
    deck: Deck
    """Says which rows are spoilt."""
    institution: Institution
    """Where it takes place."""
    person: Person
    """Who comes."""
    first_seen: datetime | None
    """When a patient who comes again was registered; None for a new one."""
    kind: str
    """The hospital's own kind of visit, see `CARE`."""
    arrived: datetime
    """When the patient comes."""
    script: Script = field(default_factory=Script)
    """The transactions so far."""
    lines: list[int] = field(default_factory=list)
    """Keys of its fee lines."""
    settlements: list[str] = field(default_factory=list)
    """Numbers of its settlements."""
    mends: list[tuple[Table, Cell, dict[str, Cell]]] = field(default_factory=list)
    """Table, key and cells of spoilt rows that are to be put right later."""
    lost: list[str] = field(default_factory=list)
    """Visit keys that stand in detached lines only."""
    _line_count: int = 0
    """Fee lines so far, for their keys."""
    _prescriptions: int = 0
    """Prescriptions so far, for their numbers."""

    @property
    def care(self) -> str:
        """outpatient, inpatient or pharmacy."""
        return CARE[self.kind]

    @property
    def visit_number(self) -> str:
        """The visit key; of a pharmacy, the number of the sale."""
        return f"{ {'outpatient': 'MZ', 'inpatient': 'ZY', 'pharmacy': 'XS'}[self.care] }{self.arrived:%y%m%d}{self.number:08d}"

    @property
    def visit_id(self) -> int:
        """Key of the visit's row."""
        return _FIRST_VISIT_ID + self.number * 64

    @property
    def mdtrt_id(self) -> str:
        """The number that the insurance gave to the visit."""
        return f"{self.institution.area}G{self.number:014d}"

    def begin(self, at: datetime) -> None:
        """Start a transaction."""
        self.script.begin(at)

    def insert(self, table: Table, row: Cells, moment: Moment) -> Spoiler | None:
        """Insert a row, spoilt if the deck says so; some of the spoilt ones are to be mended later."""
        spoiler = self.deck.deal(moment)
        if spoiler is None:
            self.script.insert(table, row)
            return None
        cells = spoiler.cells(row)
        self.script.insert(table, {**row, **cells}, flaw=spoiler.flaw)
        if spoiler.mendable and self.rng.random() < _MEND_SHARE:
            self.mends.append((table, row[table.key], {name: row[name] for name in cells}))
        return spoiler

    def patient(self) -> None:
        """Register the patient, or note that a known one came again."""
        now = self.script.now
        if self.first_seen is None:
            self.script.insert(PATIENTS, patient_row(self.person, now=now))
            return
        # Only columns that nothing reported reads: lookups have no order against visits.
        self.script.rows[PATIENTS.name, self.person.brid] = patient_row(self.person, now=self.first_seen)
        self.script.update(PATIENTS, self.person.brid, {"zhjzrq": now.date(), "jzcs": self.number})

    def charge(self, item: Item, quantity: Decimal, *, at: datetime, prescription: str, settlement: str = "") -> None:
        """One fee line."""
        self._line_count += 1
        key = _FIRST_LINE_ID + (self.number << 20) + (self._line_count << 4)
        amount = cents(quantity * item.price)
        if self.rng.random() < _UNEVEN_SHARE:
            amount += CENT
        row: dict[str, Cell] = {
            "mxid": key,
            "jzlsh": self.visit_number,
            "jsdh": settlement,
            "jgdm": self.institution.own,
            "cfh": prescription,
            "xmbm": item.own,
            "xmmc": item.name,
            "sl": quantity,
            "dj": item.price,
            "je": amount,
            "fydj": item.level,
            "fysj": wall(at),
            "kdks": "",
            "kdys": "",
            "ytmxid": None,
            "lrsj": self.script.now + timedelta(microseconds=self.rng.randrange(1, 10**6)),
        }
        spoiler = self.insert(FEES, row, "fee")
        if spoiler is None or not spoiler.detached:
            self.lines.append(key)
            return
        visit_number = self.script.rows[FEES.name, key]["jzlsh"]
        if visit_number and visit_number != self.visit_number:
            self.lost.append(f"{visit_number}")

    def prescription(self) -> str:
        """Number of a new prescription."""
        self._prescriptions += 1
        return f"CF{self.number:08d}{self._prescriptions:02d}"

    def line(self, key: int) -> Cells:
        """A fee line as it stands."""
        return self.script.rows[FEES.name, key]

    def flaw(self, table: Table, key: Cell) -> Flaw | None:
        """What is wrong with a row."""
        return self.script.flaws.get((table.name, key))

    def sound_lines(self, settlement: str) -> list[int]:
        """The lines of a settlement with nothing wrong."""
        mending = {key for _, key, _ in self.mends}
        return [
            key
            for key in self.lines
            if self.line(key)["jsdh"] == settlement and self.flaw(FEES, key) is None and key not in mending
        ]

    def shares(self, keys: list[int]) -> Shares:
        """How the sum of some lines is shared."""
        bill = [(f"{self.line(key)['fydj']}", Decimal(f"{self.line(key)['je']}")) for key in keys]
        return share(bill, insurance=self.person.insurance, care=self.care)

    def next_settlement(self) -> str:
        """Number of a settlement that is about to be made."""
        return f"JS{self.number:08d}{len(self.settlements) + 1:02d}"

    def settle(self, keys: list[int], *, at: datetime, refund_of: str = "", shares: Shares | None = None) -> str:
        """One settlement of some lines. A refund is a negative counter-record of an earlier one."""
        number = self.next_settlement()
        self.settlements.append(number)
        amounts = (shares or self.shares(keys)).cells(sign=-1 if refund_of else 1)
        person = settlement_person(self)
        row: dict[str, Cell] = {
            "jsdh": number,
            "jzlsh": self.visit_number,
            "jgdm": self.institution.own,
            "yb_jsid": f"{self.institution.area}S{number[2:]}",
            "yb_jzid": self.mdtrt_id,
            **person,
            "zfdd": "2",
            "jzlb": self.kind,
            "jssj": wall(at),
            **amounts,
            "tfbz": bool(refund_of),
            "yjsdh": refund_of,
            "lrsj": self.script.now + timedelta(microseconds=self.rng.randrange(1, 10**6)),
        }
        self.insert(SETTLEMENTS, row, "settlement")
        return number

    def stamp(self, keys: list[int], settlement: str) -> None:
        """Write the settlement's number into its lines."""
        for key in keys:
            self.script.update(FEES, key, {"jsdh": settlement})

    def note_visit(self, cells: dict[str, Cell]) -> None:
        """Change the visit's row; the time of the change goes with it."""
        self.script.update(VISITS, self.visit_id, {**cells, "xgsj": self.script.now + timedelta(microseconds=250)})


def wall(at: datetime) -> datetime:
    """The clock on the wall, without time zone and fractions of a second."""
    return at.replace(tzinfo=None, microsecond=0)


def patient_row(person: Person, *, now: datetime) -> Cells:
    """A patient's row at first registration."""
    return {
        "brid": person.brid,
        "xm": person.name,
        "xb": person.sex,
        "csrq": person.born_instant,
        "mzdm": person.nation,
        "lxr": person.contact,
        "lxdh": person.phone,
        "dz": person.address,
        "dwbh": person.employer[0],
        "dwmc": person.employer[1],
        "jdsj": wall(now),
        "zhjzrq": now.date(),
        "jzcs": 1,
    }


def settlement_person(stay: Stay) -> dict[str, Cell]:
    """The insured person as the insurance's answer to a settlement states them."""
    person = stay.person
    return {
        "grbh": person.psn_no,
        "cbgxid": person.relation,
        "xm": person.name,
        "zjlx": person.certificate_type,
        "zjhm": person.certificate,
        "xb": person.sex,
        "mzdm": person.nation,
        "csrq": person.born.isoformat(),
        "nl": Decimal(person.age(stay.arrived.date())),
        "xzlx": person.insurance,
        "rylb": person.person_type,
        "cbqh": person.area,
    }

"""The sample hospital's days: who comes when, as transactions in the order of their commits."""

import heapq
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from sandbox.hospital.changes import Transaction
from sandbox.hospital.flaws import Deck
from sandbox.hospital.institutions import HOSPITALS, PHARMACIES
from sandbox.hospital.people import SHANGHAI, Person, person
from sandbox.hospital.stay import CARE, Stay
from sandbox.hospital.stories import STORIES

BASE_DATE: Final = date(2025, 6, 2)
BAD_SHARE: Final = 0.03
"""Share of the rows that are wrong on purpose, where nobody says another."""
_OPENS: Final = time(8)
_OPEN_HOURS: Final = 9.5
_KINDS: Final = {"01": 46, "02": 6, "03": 8, "11": 14, "12": 1, "41": 25}
_COMES_AGAIN: Final = 0.2
_REMEMBERED: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The transactions of a number of visits; the same for the same arguments, whatever the clock says."""

    visits: int
    """Hospital visits and pharmacy sales."""
    seed: int = 1
    """Chooses everything."""
    base_date: date = BASE_DATE
    """The first day."""
    bad_share: float = BAD_SHARE
    """Share of the rows that are wrong on purpose, from 0 to 1."""
    per_day: int = 160
    """Arrivals a day."""
    first: int = 1
    """Number of the first visit, so that a second workload can follow a first one into the same database."""

    def __iter__(self) -> Iterator[Transaction]:
        """The transactions in the order of commits. Holds only the visits that are under way."""
        deck = Deck(self.bad_share, seed=self.seed)
        known: deque[tuple[Person, datetime]] = deque(maxlen=_REMEMBERED)
        waiting: list[tuple[datetime, int, int, Transaction]] = []
        for index in range(self.visits):
            arrived = self._arrival(index)
            while waiting and waiting[0][0] < arrived:
                yield heapq.heappop(waiting)[-1]
            number = self.first + index
            for position, transaction in enumerate(self._story(number, arrived, deck=deck, known=known)):
                heapq.heappush(waiting, (transaction.at, number, position, transaction))
        while waiting:
            yield heapq.heappop(waiting)[-1]

    def _arrival(self, index: int) -> datetime:
        day, place = divmod(index, self.per_day)
        opened = datetime.combine(self.base_date + timedelta(days=day), _OPENS, SHANGHAI)
        return opened + timedelta(hours=_OPEN_HOURS * place / self.per_day, seconds=index % 7)

    def _story(self, number: int, arrived: datetime, *, deck: Deck, known: deque[tuple[Person, datetime]]) -> list[Transaction]:
        rng = random.Random(f"{self.seed}/visit/{number}")  # noqa: S311 - repeatable, not secret
        patient, first_seen = self._patient(rng, number, arrived, known=known)
        kind = _kind(rng, patient, on=arrived.date())
        care = CARE[kind]
        stay = Stay(
            number=number,
            rng=rng,
            deck=deck,
            institution=rng.choice(PHARMACIES if care == "pharmacy" else HOSPITALS),
            person=patient,
            first_seen=first_seen,
            kind=kind,
            arrived=arrived,
        )
        STORIES[care](stay)
        if care != "pharmacy" and first_seen is None:
            known.append((patient, arrived))
        return stay.script.transactions(closes=(stay.visit_number, *stay.lost))

    def _patient(
        self, rng: random.Random, number: int, arrived: datetime, *, known: deque[tuple[Person, datetime]]
    ) -> tuple[Person, datetime | None]:
        """Somebody new, or somebody who was here on an earlier day: nobody is seen twice on one day (R17)."""
        if rng.random() < _COMES_AGAIN and known and known[0][1].date() < arrived.date():
            return known.popleft()
        return person(number, seed=self.seed, today=self.base_date), None


def _kind(rng: random.Random, patient: Person, *, on: date) -> str:
    kind = rng.choices(tuple(_KINDS), weights=tuple(_KINDS.values()))[0]
    if kind != "12":
        return kind
    # Maternity insurance is part of the employees' (R16).
    fits = patient.sex == "F" and patient.insurance == "ZG" and 20 <= patient.age(on) <= 42
    return "12" if fits else "11"

"""Invented people: identity numbers of an area that does not exist, with right check digits; names of made-up syllables."""

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from streams.spec.identity import check_digit

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_SURNAMES: Final = "禾沐澄砚朔岚霁昀棠稷笙黛阙翊桁绾"
_GIVEN: Final = "一二三四五六七八九十甲乙丙丁戊己庚辛壬癸子丑寅卯"
_NO_SUCH_AREA: Final = "369901"
_NATIONS: Final = (1,) * 14 + (3, 22, 8)
_PERMIT_AREA: Final = "810000"
ELDEST: Final = 7
"""The patient whose birth date was stored at the local mean time of Shanghai (+08:05:43), before there was a zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One patient. All codes are the hospital's own."""

    number: int
    """Number of the patient, from 1."""
    brid: int
    """Key of the patient's row."""
    name: str
    """An invented name."""
    sex: str
    """M or F."""
    born: date
    """Day of birth."""
    nation: int
    """Ethnic group, as a number."""
    certificate_type: str
    """SFZ resident ID, HZ passport, JZZ residence permit."""
    certificate: str
    """Number of the certificate."""
    insurance: str
    """ZG employees, JM residents, LX retired cadres."""
    person_type: str
    """Kind of insured person (PSN_TYPE)."""
    psn_no: str
    """Number of the insured person (PSN_NO)."""
    relation: str
    """Number of the insurance relation (PSN_INSU_RLTS_ID)."""
    area: str
    """Area of the insurance."""
    phone: str
    """`""` where none is known."""
    contact: str
    """Name of somebody to call; `""` where none is known."""
    address: str
    """`""` where none is known."""
    employer: tuple[str, str]
    """Number and name; both `""` for who has none."""

    @property
    def born_instant(self) -> datetime:
        """Midnight of the birth date in Shanghai, as a Java program stores it: daylight saving and local mean time included."""
        return datetime.combine(self.born, time(), SHANGHAI)

    def age(self, on: date) -> int:
        """Full years on a day."""
        return on.year - self.born.year - ((on.month, on.day) < (self.born.month, self.born.day))


def person(number: int, *, seed: int, today: date) -> Person:
    """The patient of this number, the same for the same seed and day."""
    rng = random.Random(f"{seed}/person/{number}")  # noqa: S311 - repeatable, not secret
    born = date(1900, 6, 15) if number == ELDEST else today - timedelta(days=rng.randint(200, 33_000))
    sex = rng.choice("MF")
    years = (today - born).days // 366
    insurance, person_type = _insured(rng, years)
    certificate_type, certificate = _certificate(rng, born=born, sex=sex)
    employed = insurance == "ZG" and person_type == "11"
    return Person(
        number=number,
        brid=1_640_000_000_000_000_001 + number * 4_099,
        name=_name(rng),
        sex=sex,
        born=born,
        nation=rng.choice(_NATIONS),
        certificate_type=certificate_type,
        certificate=certificate,
        insurance=insurance,
        person_type=person_type,
        psn_no=f"3699000000{number:010d}",
        relation=f"R{number:012d}",
        area=rng.choice(("361102", "361103", "361104", "361199", "361181")),
        # 154 is given to no operator.
        phone=f"154{rng.randrange(10**8):08d}" if rng.random() < 0.9 else "",
        contact=_name(rng) if rng.random() < 0.8 else "",
        address=f"示例市示例区样本路{rng.randint(1, 400)}号" if rng.random() < 0.9 else "",
        employer=(f"DW{rng.randint(1, 60):06d}", f"示例单位第{rng.randint(1, 60)}分公司") if employed else ("", ""),
    )


def _name(rng: random.Random) -> str:
    return rng.choice(_SURNAMES) + "".join(rng.choices(_GIVEN, k=rng.choice((1, 2, 2))))


def _insured(rng: random.Random, years: int) -> tuple[str, str]:
    """Insurance and kind of person that go together (R15)."""
    if years < 18:
        return "JM", "14"
    if years >= 95 and rng.random() < 0.5:
        return "LX", "13"
    if years >= 60:
        return rng.choice((("ZG", "12"), ("JM", "16")))
    return ("ZG", "11") if rng.random() < 0.55 else ("JM", "15")


def _certificate(rng: random.Random, *, born: date, sex: str) -> tuple[str, str]:
    kind = rng.random()
    serial = rng.randrange(0, 500) * 2 + (1 if sex == "M" else 0)
    if kind < 0.02:
        return "HZ", f"E{rng.randrange(10**8):08d}"
    area, name = (_PERMIT_AREA, "JZZ") if kind < 0.04 else (_NO_SUCH_AREA, "SFZ")
    digits = f"{area}{born:%Y%m%d}{serial:03d}"
    return name, digits + check_digit(digits)

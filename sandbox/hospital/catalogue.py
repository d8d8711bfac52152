"""What the sample hospital charges for, its departments and diagnoses. Codes have the shapes of the national lists only."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from sandbox.hospital.tables import CATALOGUE, DEPARTMENTS, Cells, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of the catalogue."""

    own: str
    """The hospital's code."""
    name: str
    """Name in Chinese."""
    kind: str
    """XY, ZC, CY, ZL or HC: western medicine, Chinese patent medicine, herb, service, consumable."""
    charge: int
    """MED_CHRGITM_TYPE without its leading zero."""
    level: str
    """A, B or C: wholly insured, partly, not at all."""
    price: Decimal
    """Yuan."""
    hilist: str
    """HILIST_CODE."""
    halves: bool = False
    """Whether it may be given in halves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    """One department."""

    own: str
    """The hospital's code."""
    name: str
    """Name in Chinese."""
    standard: str
    """Code of the national list of departments."""
    ward: str = ""
    """Name of its ward; `""` for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One diagnosis."""

    icd: str
    """ICD-10 code."""
    name: str
    """Name in Chinese."""


_ITEMS: Final = """
XY 9  A 12.500 阿莫西林胶囊
XY 9  A 8.640 二甲双胍片
XY 9  A 21.300 氨氯地平片
XY 9  A 4.180 布洛芬片
XY 9  B 36.750 阿托伐他汀钙片
XY 9  B 58.200 奥美拉唑肠溶胶囊
XY 9  B 96.400 头孢曲松钠注射剂
XY 9  A 3.250 氯化钠注射液
XY 9  A 3.860 葡萄糖注射液
XY 9  B 143.900 胰岛素注射液
XY 9  C 268.000 复合营养制剂
XY 9  A 6.720 维生素C片
ZC 11 A 27.800 板蓝根颗粒
ZC 11 B 32.400 银杏叶片
ZC 11 A 18.600 藿香正气口服液
ZC 11 C 88.000 养生口服液
CY 10 A 0.153 黄芪饮片
CY 10 A 0.217 当归饮片
CY 10 B 0.482 川贝饮片
ZL 13 A 1.000 挂号费
ZL 2  A 12.000 普通门诊诊察费
ZL 2  A 20.000 住院诊察费
ZL 1  A 38.000 普通床位费
ZL 1  B 80.000 双人间床位费
ZL 3  A 95.000 心电图检查
ZL 3  B 236.000 CT平扫
ZL 3  A 64.000 彩色超声检查
ZL 4  A 18.000 血常规
ZL 4  A 46.000 肝功能测定
ZL 4  A 15.000 尿常规
ZL 4  B 120.000 肿瘤标志物测定
ZL 5  A 9.500 静脉输液
ZL 5  A 32.000 针刺治疗
ZL 5  A 22.000 换药
ZL 6  A 1280.000 阑尾切除术
ZL 6  A 1650.000 剖宫产术
ZL 7  A 24.000 二级护理
ZL 7  A 36.000 一级护理
ZL 14 C 50.000 陪护服务费
HC 8  B 3.400 一次性输液器
HC 8  A 1.150 一次性注射器
HC 8  B 26.800 医用敷料
HC 8  C 460.000 进口吻合器
XY 9  B 512.000 停用目录注射剂
XY 9  A 17.900 停用目录片剂
HC 8  B 73.000 停用目录耗材
ZL 13 A 6.000 院前急救诊察费
"""
_FROZEN_MARK: Final = "停用目录"
_SHAPES: Final = {
    "XY": "XA{0:02d}BXX{0:03d}A001010{0:06d}",
    "ZC": "ZA{0:02d}AAX{0:03d}A001010{0:06d}",
    "CY": "T000{0:06d}",
    "ZL": "0011{0:011d}-360000{0:03d}",
    "HC": "C14{0:017d}",
}


def _items() -> Iterator[Item]:
    for number, line in enumerate(_ITEMS.strip().splitlines(), start=1):
        kind, charge, level, price, name = line.split()
        yield Item(
            own=f"{kind}{number:04d}",
            name=name,
            kind=kind,
            charge=int(charge),
            level=level,
            price=Decimal(price),
            hilist=_SHAPES[kind].format(number),
            halves=kind == "XY",
        )


ITEMS: Final = tuple(_items())
BY_CODE: Final = {item.own: item for item in ITEMS}
BY_NAME: Final = {item.name: item for item in ITEMS}

FROZEN_ITEMS: Final = frozenset(item.hilist for item in ITEMS if item.name.startswith(_FROZEN_MARK))
"""HILIST_CODEs that the platform has frozen: it refuses lines with them (the simulator takes this very set)."""

FROZEN: Final = tuple(item for item in ITEMS if item.hilist in FROZEN_ITEMS)
NEVER_CHARGED: Final = BY_NAME["院前急救诊察费"]
"""No story charges for it: a line that takes it back takes back what was never paid."""

_USUAL: Final = tuple(item for item in ITEMS if item.hilist not in FROZEN_ITEMS)
DRUGS: Final = tuple(item for item in _USUAL if item.kind in {"XY", "ZC"})
HERBS: Final = tuple(item for item in _USUAL if item.kind == "CY")
# Once per stay: beds, consultations, operations and registration are charged where the story says so.
TREATMENTS: Final = tuple(item for item in _USUAL if item.kind in {"ZL", "HC"} and item.charge not in {1, 2, 6, 13})

DEPARTMENT_LIST: Final = (
    Department(own="0101", name="呼吸内科", standard="A03.01", ward="呼吸内科病区"),
    Department(own="0102", name="消化内科", standard="A03.02", ward="消化内科病区"),
    Department(own="0104", name="心血管内科", standard="A03.04", ward="心内科病区"),
    Department(own="0107", name="内分泌科", standard="A03.07", ward="内分泌科病区"),
    Department(own="0201", name="普通外科", standard="A04.01", ward="普外科病区"),
    Department(own="0203", name="骨科", standard="A04.03", ward="骨科病区"),
    Department(own="0502", name="产科", standard="A05.02", ward="产科病区"),
    Department(own="0900", name="全科医疗科", standard="A02"),
)
OBSTETRICS: Final = DEPARTMENT_LIST[6]
MEDICAL: Final = tuple(department for department in DEPARTMENT_LIST if department is not OBSTETRICS)

DIAGNOSES: Final = (
    Diagnosis(icd="J06.900", name="急性上呼吸道感染"),
    Diagnosis(icd="J18.900", name="肺炎"),
    Diagnosis(icd="I10.x00", name="特发性高血压"),
    Diagnosis(icd="E11.900", name="2型糖尿病"),
    Diagnosis(icd="K29.500", name="慢性胃炎"),
    Diagnosis(icd="K35.800", name="急性阑尾炎"),
    Diagnosis(icd="M51.202", name="腰椎间盘突出"),
    Diagnosis(icd="I25.103", name="冠状动脉粥样硬化性心脏病"),
)
DELIVERY: Final = Diagnosis(icd="O80.000", name="头位顺产")
CAESAREAN: Final = Diagnosis(icd="O82.000", name="选择性剖宫产")


def reference_rows() -> Iterator[tuple[Table, Cells]]:
    """The rows of departments and catalogue, which stand in the database before the first patient comes."""
    for department in DEPARTMENT_LIST:
        row = {"ksdm": department.own, "ksmc": department.name, "bzks": department.standard, "bqmc": department.ward}
        yield DEPARTMENTS, {**row, "tybz": False}
    for item in ITEMS:
        yield (
            CATALOGUE,
            {
                "xmbm": item.own,
                "xmmc": item.name,
                "mllb": item.kind,
                "fylb": item.charge,
                "ybbm": item.hilist,
                "ybmc": item.name,
                "ylml": item.hilist.partition("-")[0],
                "dj": item.price,
                "tybz": False,
            },
        )

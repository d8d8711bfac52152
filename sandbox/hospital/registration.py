"""The visit's row: at registration or admission, at the end of an outpatient visit, at discharge."""

from datetime import datetime, timedelta
from decimal import Decimal

from sandbox.hospital.catalogue import CAESAREAN, DELIVERY, DIAGNOSES, Department, Diagnosis
from sandbox.hospital.stay import Stay, wall
from sandbox.hospital.tables import VISITS, Cell

_BED_CHARS = 8
_DOCTORS = ("禾二", "沐丁", "澄午", "霁甲", "昀三", "棠辛")


def register(stay: Stay, department: Department, *, begun: datetime, ended: datetime | None = None) -> None:
    """Insert the visit's row in the transaction being written."""
    diagnosis = stay.rng.choice(DIAGNOSES)
    row = _opening(stay, department, begun=begun, diagnosis=diagnosis)
    if stay.care == "outpatient":
        # The system closes an outpatient visit as it opens it, and moves the end on when the bill is paid.
        row |= {"jssj": wall(ended or begun)}
    stay.insert(VISITS, row, "visit")


def end(stay: Stay, *, at: datetime, settlement: str) -> None:
    """An outpatient went home: time of end and last settlement."""
    stay.note_visit({"jssj": wall(at), "zhjsdh": settlement})


def discharge(stay: Stay, *, at: datetime, days: int, died: bool) -> None:
    """An inpatient leaves: diagnosis, department, bed, way of leaving."""
    visit = stay.script.rows[VISITS.name, stay.visit_id]
    maternity = stay.kind == "12"
    caesarean = maternity and stay.rng.random() < 0.4
    diagnosis = (CAESAREAN if caesarean else DELIVERY) if maternity else stay.rng.choice(DIAGNOSES)
    cells: dict[str, Cell] = {
        "jssj": wall(at),
        "cyzd_dm": diagnosis.icd,
        "cyzd_mc": diagnosis.name,
        "cyks_dm": visit["ryks_dm"],
        "cycw": visit["rycw"],
        "lyfs": "SW" if died else stay.rng.choice(("YZ", "YZ", "YZ", "ZY", "FY")),
        "zyzt": "O",
        "zyts": days,
        "swrq": at.date() if died else None,
        "bfzbz": stay.rng.random() < 0.1,
    }
    if maternity:
        cells |= {"syrq": at.date().isoformat(), "sylb": "3" if caesarean else "1", "zcbz": False, "wybz": False, "tes": 1}
    spoiler = None if stay.flaw(VISITS, stay.visit_id) else stay.deck.deal("discharge")
    if spoiler is None:
        stay.note_visit(cells)
        return
    spoilt = {**cells, **spoiler.cells(cells), "xgsj": stay.script.now + timedelta(microseconds=250)}
    stay.script.update(VISITS, stay.visit_id, spoilt, flaw=spoiler.flaw)


def _opening(stay: Stay, department: Department, *, begun: datetime, diagnosis: Diagnosis) -> dict[str, Cell]:
    now = stay.script.now
    inpatient = stay.care == "inpatient"
    doctor = stay.rng.randrange(len(_DOCTORS))
    bed = f"{department.own[1:]}-{stay.rng.randint(1, 60):02d}" if inpatient else ""
    return {
        "jzid": stay.visit_id,
        "jzlsh": stay.visit_number,
        "jgdm": stay.institution.own,
        "brid": stay.person.brid,
        "jzlb": stay.kind,
        "yb_jzid": stay.mdtrt_id,
        **_insured(stay),
        "kssj": wall(begun),
        "jssj": None,
        "knzybz": False,
        "nd": f"{begun.year}",
        "mzzyh": f"{'Z' if inpatient else 'M'}{stay.number:09d}",
        "blh": f"BL{stay.person.number:08d}",
        "zhjsdh": "",
        "zzys_dm": f"D36{doctor:09d}",
        "zzys_xm": _DOCTORS[doctor],
        "ryzd": diagnosis.name if inpatient else "",
        "ryks_dm": department.own,
        "rycw": bed.ljust(_BED_CHARS),
        "bqcw": f"{department.ward} {bed}" if inpatient else None,
        "zkbz": False,
        **_nothing_yet(stay, diagnosis),
        **_clerk(stay, now),
    }


def _insured(stay: Stay) -> dict[str, Cell]:
    person = stay.person
    return {
        "grbh": person.psn_no,
        "cbgxid": person.relation,
        "zjlx": person.certificate_type,
        "zjhm": person.certificate,
        "xm": f" {person.name}" if stay.rng.random() < 0.02 else person.name,
        "xb": person.sex,
        "nl": Decimal(person.age(stay.arrived.date())),
        "xzlx": person.insurance,
        "rylb": person.person_type,
        "gwybz": person.person_type == "11" and stay.rng.random() < 0.1,
        "lhjybz": "N",
        "tsrylb": "2" if person.person_type == "15" and stay.rng.random() < 0.1 else "",
        "cbqh": person.area,
        "zfdd": "2",
        # The leading zero of the code is lost: the column is a number.
        "jzpzlx": 1 if stay.rng.random() < 0.7 else 3,
        "jzpzbh": f"K{person.number:011d}",
    }


def _nothing_yet(stay: Stay, diagnosis: Diagnosis) -> dict[str, Cell]:
    inpatient = stay.care == "inpatient"
    maternity = stay.kind == "12"
    chronic = stay.kind == "03"
    return {
        "cyzd_dm": "",
        "cyzd_mc": "",
        "cyks_dm": "",
        "cycw": " " * _BED_CHARS,
        "lyfs": None,
        "bqms": f"因{diagnosis.name}入院，一般情况可" if inpatient else None,
        "bzbh": f"M{diagnosis.icd[:3]}00" if chronic else "",
        "bzmc": diagnosis.name if chronic else "",
        "ssdm": "74.1" if maternity else "",
        "ssmc": "产科处置" if maternity else "",
        "mzzd": "" if inpatient else diagnosis.name,
        "zyzt": "I" if inpatient else "O",
        "swrq": None,
        "zyts": None,
        "yzs": 39 if maternity else None,
        "tc": 1 if maternity else None,
        "tes": None,
        "sylb": "",
        "rssj": wall(stay.arrived - timedelta(weeks=39)) if maternity else None,
        "wybz": None,
        "zcbz": None,
        "fwzh": f"FW{stay.number:08d}" if maternity else "",
        "syrq": "",
        "bfzbz": None,
    }


def _clerk(stay: Stay, now: datetime) -> dict[str, Cell]:
    return {
        "yxbz": "Y",
        "bz": "外地参保" if stay.person.area == "361181" else None,
        "rid": f"{stay.number:08x}-{stay.visit_id:x}",
        "xgsj": now + timedelta(microseconds=100),
        "lrr_id": f"U{stay.number % 17:04d}",
        "lrr_xm": "收费员壹",
        "lrsj": now + timedelta(microseconds=stay.rng.randrange(1, 10**6)),
        "czy_id": f"U{stay.number % 17:04d}",
        "czy_xm": "收费员壹",
        "czsj": wall(now),
        "dycs": 0,
    }

"""The oracle's own idea of the interface records: computed from the hospital's rows by hand, without mapping and validation.

Fields stand in the interface's order; optional ones without a value are left out; all values are text.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import orjson

from sandbox.hospital.institutions import INSTITUTIONS, Institution
from sandbox.hospital.people import SHANGHAI
from sandbox.hospital.tables import Cell, Cells

Fields = dict[str, str]

_GEND: Final = {"M": "1", "F": "2", "U": "9"}
_CERTIFICATE: Final = {"SFZ": "01", "HZ": "08", "JZZ": "17"}
_INSURANCE: Final = {"ZG": "310", "JM": "390", "LX": "340"}
_MED_TYPE: Final = {"01": "11", "02": "13", "03": "14", "11": "21", "12": "52", "41": "41"}
_LEVEL: Final = {"A": "01", "B": "02", "C": "03"}
_LIST_TYPE: Final = {"XY": "101", "ZC": "101", "CY": "102", "ZL": "201", "HC": "301"}
_DSCG_WAY: Final = {"YZ": "1", "ZY": "2", "FY": "4", "SW": "5"}
_POOL_AREA: Final = "361100"


def content_hash(fields: Fields) -> str:
    """32 hex characters over the exact bytes that are reported."""
    return hashlib.blake2b(orjson.dumps(fields), digest_size=16).hexdigest()


def visit_fields(visit: Cells, *, patient: Cells, department: Callable[[str], Cells]) -> Fields:
    """mdtrt_d (interface §3.3.3), field by field: as long as its table, because a reader compares the two."""
    institution = _institution(visit)
    admitted = _text(visit["ryks_dm"])
    left = _text(visit["cyks_dm"]) or admitted
    return _present(
        {
            "MDTRT_ID": _text(visit["yb_jzid"]),
            "MEDINS_SETL_ID": _text(visit["zhjsdh"]),
            "PSN_NO": _text(visit["grbh"]),
            "PSN_INSU_RLTS_ID": _text(visit["cbgxid"]),
            "PSN_CERT_TYPE": _code(_CERTIFICATE, visit["zjlx"]),
            "CERTNO": _text(visit["zjhm"]),
            "PSN_NAME": _text(visit["xm"]),
            "GEND": _code(_GEND, visit["xb"]),
            "NATY": f"{patient['mzdm']:>02}",
            "BRDY": _local(patient["csrq"])[:10],
            "AGE": _number(visit["nl"], 1),
            "CONER_NAME": _text(patient["lxr"]),
            "TEL": _text(patient["lxdh"]),
            "ADDR": _text(patient["dz"]),
            "INSUTYPE": _code(_INSURANCE, visit["xzlx"]),
            "PSN_TYPE": _text(visit["rylb"]),
            "CVLSERV_FLAG": _flag(visit["gwybz"]),
            "SP_PSN_TYPE": _text(visit["tsrylb"]),
            "FLXEMPE_FLAG": "1" if visit["lhjybz"] == "Y" else "0",
            "NWB_FLAG": "0",
            "INSU_ADMDVS": _text(visit["cbqh"]),
            "EMP_NO": _text(patient["dwbh"]),
            "EMP_NAME": _text(patient["dwmc"]),
            "PAY_LOC": _text(visit["zfdd"]),
            "FIXMEDINS_CODE": institution.code,
            "FIXMEDINS_NAME": institution.name,
            "HOSP_LV": institution.level,
            "FIX_BLNG_ADMDVS": institution.area,
            "LMTPRIC_HOSP_LV": institution.tier,
            "DEDC_HOSP_LV": institution.tier,
            "BEGNTIME": _wall(visit["kssj"]),
            "ENDTIME": _wall(visit["jssj"]),
            "MDTRT_CERT_TYPE": f"0{visit['jzpzlx']}",
            "MDTRT_CERT_NO": _text(visit["jzpzbh"]),
            "MED_TYPE": _code(_MED_TYPE, visit["jzlb"]),
            "ARS_YEAR_IPT_FLAG": _flag(visit["knzybz"]),
            "PRE_PAY_FLAG": "0",
            "YEAR": _text(visit["nd"]),
            "IPT_OTP_NO": _text(visit["mzzyh"]),
            "MEDRCDNO": _text(visit["blh"]),
            "CHFPDR_CODE": _text(visit["zzys_dm"]),
            "ADM_DIAG_DSCR": _text(visit["ryzd"]),
            "ADM_DEPT_CODG": admitted,
            "ADM_DEPT_NAME": _text(department(admitted)["ksmc"]),
            "ADM_BED": _text(visit["rycw"]),
            "WARDAREA_BED": _text(visit["bqcw"]),
            "TRAF_DEPT_FLAG": _flag(visit["zkbz"]),
            "DSCG_MAINDIAG_CODE": _text(visit["cyzd_dm"]),
            "DSCG_DEPT_CODG": left,
            "DSCG_DEPT_NAME": _text(department(left)["ksmc"]),
            "DSCG_BED": _text(visit["cycw"]),
            "DSCG_WAY": _code(_DSCG_WAY, visit["lyfs"]),
            "MAIN_COND_DSCR": _text(visit["bqms"]),
            "DISE_NO": _text(visit["bzbh"]),
            "DISE_NAME": _text(visit["bzmc"]),
            "OPRN_OPRT_CODE": _text(visit["ssdm"]),
            "OPRN_OPRT_NAME": _text(visit["ssmc"]),
            "OTP_DIAG_INFO": _text(visit["mzzd"]),
            "INHOSP_STAS": "1" if visit["zyzt"] == "I" else "0",
            "DIE_DATE": f"{visit['swrq'] or ''}",
            **_maternity(visit),
            **_bookkeeping(visit, institution),
            "CHFPDR_NAME": _text(visit["zzys_xm"]),
            "DSCG_MAINDIAG_NAME": _text(visit["cyzd_mc"]),
            "ADM_CATY": _text(department(admitted)["bzks"]),
            "DSCG_CATY": _text(department(left)["bzks"]),
            "TTP_PAY_FLAG": "0",
        }
    )


def _maternity(visit: Cells) -> Fields:
    return {
        "IPT_DAYS": _text(visit["zyts"]),
        "GESO_VAL": _text(visit["yzs"]),
        "FETTS": _text(visit["tc"]),
        "FETUS_CNT": _text(visit["tes"]),
        "MATN_TYPE": _text(visit["sylb"]),
        "PREY_TIME": _wall(visit["rssj"]),
        "LATECHB_FLAG": _flag(visit["wybz"]),
        "PRET_FLAG": _flag(visit["zcbz"]),
        "FPSC_NO": _text(visit["fwzh"]),
        "BIRCTRL_MATN_DATE": _text(visit["syrq"]),
        "COP_FLAG": _flag(visit["bfzbz"]),
    }


def _bookkeeping(visit: Cells, institution: Institution) -> Fields:
    return {
        "VALI_FLAG": "1" if visit["yxbz"] == "Y" else "0",
        "MEMO": _text(visit["bz"]),
        "RID": _text(visit["rid"]),
        "UPDT_TIME": _local(visit["xgsj"]),
        "CRTER_ID": _text(visit["lrr_id"]),
        "CRTER_NAME": _text(visit["lrr_xm"]),
        "CRTE_TIME": _local(visit["lrsj"]),
        "CRTE_OPTINS_NO": institution.code,
        "OPTER_ID": _text(visit["czy_id"]),
        "OPTER_NAME": _text(visit["czy_xm"]),
        "OPT_TIME": _wall(visit["czsj"]),
        "OPTINS_NO": institution.code,
        "POOLAREA_NO": _POOL_AREA,
    }


def settlement_fields(settlement: Cells, *, visit: Cells | None) -> Fields:
    """setl_d (interface §3.3.2)."""
    institution = _institution(settlement)
    return _present(
        {
            "SETL_ID": _text(settlement["yb_jsid"]),
            "MDTRT_ID": _text(settlement["yb_jzid"]),
            "PSN_NO": _text(settlement["grbh"]),
            "PSN_INSU_RLTS_ID": _text(settlement["cbgxid"]),
            "PSN_NAME": _text(settlement["xm"]),
            "PSN_CERT_TYPE": _code(_CERTIFICATE, settlement["zjlx"]),
            "CERTNO": _text(settlement["zjhm"]),
            "GEND": _code(_GEND, settlement["xb"]),
            "NATY": f"{settlement['mzdm']:>02}",
            "BRDY": _text(settlement["csrq"]),
            "AGE": _number(settlement["nl"], 1),
            "INSUTYPE": _code(_INSURANCE, settlement["xzlx"]),
            "PSN_TYPE": _text(settlement["rylb"]),
            "FIXMEDINS_CODE": institution.code,
            "FIXMEDINS_NAME": institution.name,
            "FIX_BLNG_ADMDVS": institution.area,
            "SETL_TIME": _wall(settlement["jssj"]),
            "MED_TYPE": _code(_MED_TYPE, (visit or settlement)["jzlb"]),
            "MEDFEE_SUMAMT": _number(settlement["zje"], 2),
            "FULAMT_OWNPAY_AMT": _number(settlement["qzfje"], 2),
            "OVERLMT_SELFPAY": _number(settlement["cxjje"], 2),
            "PRESELFPAY_AMT": _number(settlement["xxzfje"], 2),
            "INSCP_AMT": _number(settlement["fhfwje"], 2),
            "HIFP_PAY": _number(Decimal(_text(settlement["tczf"])) + 0, 2),
            "POOL_PROP_SELFPAY": _number(settlement["tcbl"], 4),
            "FUND_PAY_SUMAMT": _number(settlement["jjzf"], 2),
            "PSN_PAY": _number(settlement["grzf"], 2),
            "ACCT_PAY": _number(settlement["zhzf"], 2),
            "CRTE_TIME": _local(settlement["lrsj"]),
        }
    )


def fee_fields(fee: Cells, *, settlement: Cells, visit: Cells | None, item: Cells) -> Fields:
    """fee_list_d (interface §3.3.1)."""
    institution = _institution(fee)
    return _present(
        {
            "BKKP_SN": f"{fee['mxid']}",
            "MDTRT_ID": _text(settlement["yb_jzid"]),
            "FEE_OCUR_TIME": _wall(fee["fysj"]),
            "SETL_ID": _text(settlement["yb_jsid"]),
            "RX_DRORD_NO": _text(fee["cfh"]),
            "FIXMEDINS_CODE": institution.code,
            "FIXMEDINS_NAME": institution.name,
            "PSN_NO": _text(settlement["grbh"]),
            "PSN_INSU_RLTS_ID": _text(settlement["cbgxid"]),
            "INSU_ADMDVS": _text((visit or settlement)["cbqh"]),
            "PAY_LOC": _text(settlement["zfdd"]),
            "MED_TYPE": _code(_MED_TYPE, (visit or settlement)["jzlb"]),
            "CNT": _number(fee["sl"], 4),
            "PRIC": _number(fee["dj"], 6),
            "DET_ITEM_FEE_SUMAMT": _number(fee["je"], 2),
            "CHRGITM_LV": _code(_LEVEL, fee["fydj"]),
            "HILIST_CODE": _text(item["ybbm"]),
            "HILIST_NAME": _text(item["ybmc"]),
            "LIST_TYPE": _code(_LIST_TYPE, item["mllb"]),
            "MED_LIST_CODG": _text(item["ylml"]),
            "MEDINS_LIST_CODG": _text(fee["xmbm"]),
            "MEDINS_LIST_NAME": _text(fee["xmmc"]),
            "MED_CHRGITM_TYPE": f"{item['fylb']:>02}",
            "CRTE_TIME": _local(fee["lrsj"]),
        }
    )


def _institution(row: Cells) -> Institution:
    return INSTITUTIONS[_text(row["jgdm"])]


def _present(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value}


def _text(cell: Cell) -> str:
    return "" if cell is None else f"{cell}".strip()


def _code(codes: Mapping[str, str], cell: Cell) -> str:
    return codes[f"{cell}"] if cell else ""


def _flag(cell: Cell) -> str:
    return "" if cell is None else "1" if cell else "0"


def _number(cell: Cell, scale: int) -> str:
    if not isinstance(cell, Decimal):
        raise TypeError("an amount is a Decimal")
    return f"{cell.quantize(Decimal(1).scaleb(-scale)):f}"


def _wall(cell: Cell) -> str:
    return f"{cell:%Y-%m-%d %H:%M:%S}" if isinstance(cell, date) else ""


def _local(cell: Cell) -> str:
    if not isinstance(cell, datetime):
        raise TypeError("an instant is a datetime")
    return f"{cell.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"

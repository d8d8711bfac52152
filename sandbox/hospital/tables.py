"""The sample hospital's own tables: names, types and remarks as such systems have them, none of them the interface's.

Types are PostgreSQL's. Times without a zone are the clock on the wall; birth dates are instants, as a Java program writes them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final, TypeAlias

Cell: TypeAlias = str | int | bool | Decimal | date | datetime | None
Cells: TypeAlias = Mapping[str, Cell]
"""One row, by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the sample hospital."""

    name: str
    """`schema.table`."""
    title: str
    """What it is called."""
    key: str
    """Its key column."""
    columns: Mapping[str, str]
    """Type of each column."""
    visit_key: str | None = None
    """Column with the visit key; None where there is none."""


def _columns(text: str) -> Mapping[str, str]:
    """Columns of a table, one `name type` a line."""
    lines = (line.split(maxsplit=1) for line in text.strip().splitlines())
    return {name: kind.strip() for name, kind in lines}


PATIENTS: Final = Table(
    name="his.br_jbxx",
    title="病人基本信息",
    key="brid",
    columns=_columns("""
        brid    bigint
        xm      varchar(50)
        xb      char(1)
        csrq    timestamptz
        mzdm    smallint
        lxr     varchar(50)
        lxdh    varchar(30)
        dz      varchar(200)
        dwbh    varchar(40)
        dwmc    varchar(200)
        jdsj    timestamp
        zhjzrq  date
        jzcs    integer
    """),
)

DEPARTMENTS: Final = Table(
    name="his.jc_ks",
    title="科室字典",
    key="ksdm",
    columns=_columns("""
        ksdm    varchar(10)
        ksmc    varchar(100)
        bzks    varchar(10)
        bqmc    varchar(50)
        tybz    boolean
    """),
)

CATALOGUE: Final = Table(
    name="his.jc_xmml",
    title="收费项目目录",
    key="xmbm",
    columns=_columns("""
        xmbm    varchar(20)
        xmmc    varchar(100)
        mllb    varchar(4)
        fylb    smallint
        ybbm    varchar(50)
        ybmc    varchar(200)
        ylml    varchar(50)
        dj      numeric(12,3)
        tybz    boolean
    """),
)

VISITS: Final = Table(
    name="his.mz_zy_jz",
    title="门诊住院就诊",
    key="jzid",
    visit_key="jzlsh",
    columns=_columns("""
        jzid    bigint
        jzlsh   varchar(20)
        jgdm    varchar(6)
        brid    bigint
        jzlb    varchar(4)
        yb_jzid varchar(30)
        grbh    varchar(30)
        cbgxid  varchar(20)
        zjlx    varchar(4)
        zjhm    varchar(50)
        xm      varchar(50)
        xb      char(1)
        nl      numeric(5,1)
        xzlx    varchar(4)
        rylb    varchar(6)
        gwybz   boolean
        lhjybz  char(1)
        tsrylb  varchar(6)
        cbqh    varchar(6)
        zfdd    varchar(2)
        kssj    timestamp
        jssj    timestamp
        jzpzlx  smallint
        jzpzbh  varchar(50)
        knzybz  boolean
        nd      char(4)
        mzzyh   varchar(30)
        blh     varchar(30)
        zhjsdh  varchar(20)
        zzys_dm varchar(30)
        zzys_xm varchar(50)
        ryzd    varchar(200)
        ryks_dm varchar(10)
        rycw    char(8)
        bqcw    varchar(50)
        zkbz    boolean
        cyzd_dm varchar(20)
        cyzd_mc varchar(100)
        cyks_dm varchar(10)
        cycw    char(8)
        lyfs    varchar(2)
        bqms    text
        bzbh    varchar(30)
        bzmc    varchar(200)
        ssdm    varchar(30)
        ssmc    varchar(200)
        mzzd    varchar(200)
        zyzt    char(1)
        swrq    date
        zyts    integer
        yzs     smallint
        tc      smallint
        tes     smallint
        sylb    varchar(2)
        rssj    timestamp
        wybz    boolean
        zcbz    boolean
        fwzh    varchar(50)
        syrq    varchar(10)
        bfzbz   boolean
        yxbz    char(1)
        bz      text
        rid     varchar(40)
        xgsj    timestamptz
        lrr_id  varchar(20)
        lrr_xm  varchar(50)
        lrsj    timestamptz
        czy_id  varchar(20)
        czy_xm  varchar(50)
        czsj    timestamp
        dycs    integer
    """),
)

SETTLEMENTS: Final = Table(
    name="his.sf_jsjl",
    title="收费结算记录（药店为销售单）",
    key="jsdh",
    visit_key="jzlsh",
    columns=_columns("""
        jsdh    varchar(20)
        jzlsh   varchar(20)
        jgdm    varchar(6)
        yb_jsid varchar(30)
        yb_jzid varchar(30)
        grbh    varchar(30)
        cbgxid  varchar(20)
        xm      varchar(50)
        zjlx    varchar(4)
        zjhm    varchar(50)
        xb      char(1)
        mzdm    smallint
        csrq    varchar(10)
        nl      numeric(5,1)
        xzlx    varchar(4)
        rylb    varchar(6)
        cbqh    varchar(6)
        zfdd    varchar(2)
        jzlb    varchar(4)
        jssj    timestamp
        zje     numeric(14,4)
        qzfje   numeric(14,2)
        cxjje   numeric(14,2)
        xxzfje  numeric(14,2)
        fhfwje  numeric(14,2)
        tczf    varchar(20)
        tcbl    numeric(6,4)
        jjzf    numeric(14,2)
        grzf    numeric(14,2)
        zhzf    numeric(14,2)
        tfbz    boolean
        yjsdh   varchar(20)
        lrsj    timestamptz
    """),
)

FEES: Final = Table(
    name="his.sf_fymx",
    title="费用明细",
    key="mxid",
    visit_key="jzlsh",
    columns=_columns("""
        mxid    bigint
        jzlsh   varchar(20)
        jsdh    varchar(20)
        jgdm    varchar(6)
        cfh     varchar(30)
        xmbm    varchar(20)
        xmmc    varchar(100)
        sl      numeric(18,6)
        dj      numeric(16,6)
        je      numeric(16,4)
        fydj    char(1)
        fysj    timestamp
        kdks    varchar(10)
        kdys    varchar(50)
        ytmxid  bigint
        lrsj    timestamptz
    """),
)

REFERENCE: Final = (PATIENTS, DEPARTMENTS, CATALOGUE)
"""Tables without a visit key."""

BY_VISIT: Final = (VISITS, SETTLEMENTS, FEES)
"""Tables with a visit key."""

TABLES: Final = REFERENCE + BY_VISIT

"""Every data-quality rule, wherever it is decided, as a person reads it: what it demands, of which records, by which clause."""

from typing import Final, NamedTuple

from streams.domain.validate.judge import OPEN_CODES, PARENTS, REFUNDS, REVERSED, RULES, SUMS, TEXTS, UNIQUE_LINES
from streams.domain.violations import Level
from streams.spec.fields import ServiceCode


class Described(NamedTuple):
    """One rule."""

    id: str
    """By which a site sets its level. Several may share one."""
    services: tuple[ServiceCode, ...]
    """Whose records it judges."""
    level: Level
    """What a finding does unless the site says otherwise."""
    clause: str
    """Where it is written."""
    title: str
    """What it demands."""
    chinese: str
    """The same in Chinese."""
    settings: tuple[str, ...] = ()
    """Of `rule_options` in the site's file: what it reads otherwise where the platform does."""


_ALL: Final = tuple(ServiceCode)
_OTHERS: Final = (
    Described(
        SUMS,
        (ServiceCode.SETTLEMENT,),
        Level.WARN,
        "guide 122",
        "the lines of a settlement add up to its amount, to the cent (it can only warn)",
        "结算下各明细金额之和等于医疗费总额，精确到分（只作警告）",
        ("lines_within_s",),
    ),
    Described(
        REFUNDS,
        (ServiceCode.FEE,),
        Level.REFUSE,
        "guide 712",
        "a refund line follows the line it takes back; the sum per item below 0 warns",
        "退费明细在被退明细之后；同一项目合计为负时警告",
    ),
    Described(
        REVERSED,
        (ServiceCode.SETTLEMENT,),
        Level.WARN,
        "guide 125-128",
        "a reversed settlement's visit has one of the same amount that it takes back (it can only warn)",
        "退费（负）结算所在就诊中有同额的正结算（只作警告）",
        ("reversals_within_s",),
    ),
    Described(
        UNIQUE_LINES,
        (ServiceCode.FEE,),
        Level.REFUSE,
        "§3.3.1 #1",
        "BKKP_SN is the key of the fee table (`yibao check`)",
        "记账流水号是明细表的主键（由 `yibao check` 检查）",
    ),
    Described(
        PARENTS,
        (ServiceCode.SETTLEMENT, ServiceCode.FEE),
        Level.REFUSE,
        "§3.3",
        "nothing goes before its refused visit or settlement: it is held",
        "就诊或结算被拒绝时，其下记录先不发送",
    ),
    Described(
        OPEN_CODES,
        _ALL,
        Level.WARN,
        "§3.3",
        "codes that are not in a list which may be incomplete",
        "代码不在（可能不完整的）字典中",
    ),
    Described(
        TEXTS,
        _ALL,
        Level.WARN,
        "§2.2",
        "texts without U+FFFD, controls and `Ã©`; names without `??`, private-use characters, and GBK for UTF-8",
        "文本不含乱码、控制字符；姓名不含 `??`、私用区字符",
    ),
)
"""Rules that look at more than one record, or at each field."""


class Unjudged(NamedTuple):
    """A rule of the guide that nobody judges."""

    id: str
    """Its number. No site can set a level of it."""
    services: tuple[ServiceCode, ...]
    """Whose records it is about."""
    clause: str
    """Where it is written."""
    title: str
    """What it demands, and why it is not judged."""
    chinese: str
    """The same in Chinese."""


UNJUDGED: Final = (
    Unjudged(
        "R17",
        (ServiceCode.FEE,),
        "guide 113-116",
        "one consultation fee a person and day (its settlements are visits of their own: partitions remember no person)",
        "同一参保人同一天只报一条诊查费（各次结算是不同就诊，系统不跨就诊记录个人，故不判断）",
    ),
    Unjudged(
        "R18",
        (ServiceCode.FEE,),
        "guide 417",
        "a prescription number never in two settlements of a person and day (likewise; after a refund it rightly comes again)",
        "同一参保人同一天不同结算不出现相同处方号（同上；退费重结后相同处方号属正常，故不判断）",
    ),
)
"""Docs/exactness.md says more."""

_CHINESE: Final = {
    ("R1", "line total = quantity × price"): "明细金额等于数量乘以单价",
    ("R3", "parts add up"): "结算各部分之和等于总额",
    ("R4", "paid in full"): "基金支付与个人支付之和等于总额",
    ("R5", "fund ≥ pooled fund"): "基金支付总额不小于统筹基金支出",
    ("R6", "account ≤ person"): "个人账户支付不大于个人负担",
    ("R7", "own share ≥ 0"): "总额减去基金支付和各项自付后不为负（退费除外）",
    ("R8", "share between 0 and 1"): "统筹支付比例在 0 到 1 之间",
    ("R10", "refund is negative"): "退费结算各项金额同号",
    ("R13", "discharge diagnosis"): "出院的住院就诊有主诊断，且为 ICD-10 编码形式",
    ("R14", "days of the stay"): "住院天数与起止时间一致",
    ("R14", "bed days within the stay"): "床位费天数不超过住院天数",
    ("R15", "insurance, person"): "险种与人员类别相符",
    ("R16", "maternity"): "生育就诊的险种为 310，住院分娩填写生育类别",
    ("R19", "no card number as ID"): "证件号码不是卡号",
    ("R20", "1900 to tomorrow"): "日期在 1900 年至明天之间",
    ("R22", "begin ≤ fee ≤ settlement, begin ≤ end"): "就诊开始 ≤ 费用发生 ≤ 结算，就诊开始 ≤ 结束；死亡日期、在院状态与离院相符",
    ("R23", "age"): "年龄与出生日期相符",
    ("R23", "birth date, sex and ID"): "出生日期、性别与身份证号相符",
    ("R23", "one visit, one person"): "就诊与结算是同一人",
    ("IDENTITY", "identity number"): "身份证号校验位正确",
    ("CODES", "national list code"): "医疗目录编码符合国家编码格式",
}
_SETTINGS: Final = {"R1": ("price_decimals",), "R5": ("fund_includes_account",)}


def described() -> list[Described]:
    """All rules in the order of their ids; one that judges several services stands once."""
    found: dict[tuple[str, str], Described] = {}
    for rule in RULES:
        known = found.get((rule.id, rule.title))
        services = {*rule.services, *(() if known is None else known.services)}
        found[rule.id, rule.title] = Described(
            rule.id,
            tuple(one for one in ServiceCode if one in services),
            rule.level,
            rule.clause if known is None else ", ".join(dict.fromkeys((*known.clause.split(", "), rule.clause))),
            rule.title,
            _CHINESE[rule.id, rule.title],
            _SETTINGS.get(rule.id, ()),
        )
    return sorted((*found.values(), *_OTHERS), key=_order)


def _order(one: Described) -> tuple[int, str, str]:
    number = one.id.removeprefix("R")
    return (int(number) if number.isdecimal() else 1000), one.id, one.title

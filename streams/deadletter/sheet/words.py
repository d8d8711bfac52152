"""What a list says of a letter to the insurance office: who mends it, what to do, and what happens by itself then. Pure."""

from collections.abc import Mapping
from typing import Final

from streams.deadletter.owners import Owner
from streams.domain.violations import DeadClass

OWNERS: Final[Mapping[str, str]] = {
    Owner.CLERK: "医保办",
    Owner.IT: "信息科",
    Owner.VENDOR: "厂商",
    Owner.PLATFORM: "平台方",
}
"""In the order of the sheets."""
OTHERS: Final = "其他"
"""Whoever mends letters of a later version."""

_BY_ITSELF: Final = "改好后数据自动重报，被平台接收后本条自动关闭"
_BY_PLAN: Final = "改好并重启后，在处理决定中选“重报”"
_WITHDRAWN: Final = "请在平台撤销这条记录，取得确认号后选“关闭”，填写平台确认号和备注"

_OF_CLASSES: Final[Mapping[str, str]] = {
    DeadClass.DECODE: "请把编号交给厂商查看；确认后选“关闭”并写明原因",
    DeadClass.SCHEMA_DRIFT: f"请信息科核对数据表结构和映射。{_BY_PLAN}",
    DeadClass.JOIN_INCOMPLETE: "请在医院系统中补齐缺少的记录。补齐后本条自动上报，被平台接收后自动关闭",
    DeadClass.AMBIGUOUS: "请信息科核对重复的记录，只保留正确的一条。之后本条自动上报",
    DeadClass.COLLISION: "请信息科核对两行的编号，改正其中一行。之后另一行自动上报，本条自动关闭",
    DeadClass.CORRECTION: "已上报的记录内容有变化：需要更正时选“重报”，即上报新内容；不应变化时在医院系统中改回，本条自动关闭",
    DeadClass.MAPPING: f"请信息科按“在HIS哪里改”核对映射。{_BY_PLAN}",
    DeadClass.DICTIONARY: f"请信息科在映射的字典中补上这个代码；代码本身有误时在医院系统中改正。{_BY_PLAN}",
    DeadClass.VALIDATION: f"请按“在HIS哪里改”在医院系统中改正。{_BY_ITSELF}",
    DeadClass.OVERSIZE: f"请信息科检查是哪个字段过长。{_BY_ITSELF}",
    DeadClass.ENCRYPT: "请信息科检查平台密钥",
    DeadClass.REJECTED: f"请按平台所说的原因在医院系统中改正；{_BY_ITSELF}。内容没有错时请平台方修正，再选“原样重报”",
    DeadClass.WITHDRAWN: _WITHDRAWN,
    DeadClass.INTERNAL: "请把编号交给厂商查看",
}
_OF_RULES: Final[Mapping[str, str]] = {
    "MISSING_VISIT": f"请核对就诊号，或补录所属的就诊记录。{_BY_ITSELF}",
    "MISSING_SETTLEMENT": f"请核对费用所指的结算号，或补录结算记录。{_BY_ITSELF}",
    "MISSING_UNSETTLED": "费用尚未结算：结算后自动上报；不会结算的费用请选“关闭”并写明原因",
    "MISSING_POSITIVE_LINE": f"请核对退费所冲销的原费用明细。{_BY_ITSELF}",
    "MISSING_HEADER": f"请核对所属的处方或账单是否存在。{_BY_ITSELF}",
    "MISSING_LOOKUP": "请信息科在关联表中补上这一行。补上后本条自动上报",
    "UNKNOWN_INSTITUTION": f"请信息科在站点配置中登记这家机构。{_BY_PLAN}",
    "PARENT_REFUSED": "请先处理所属的就诊或结算；它被接收后，再修改本条使其重新上报",
    "R1": f"请核对单价、数量与金额。{_BY_ITSELF}",
    "R9": f"请核对退费的数量和金额，退费合计不能超过原收费。{_BY_ITSELF}",
    "R12": f"请核对记账流水号是否重复。{_BY_ITSELF}",
    "R19": f"请填写身份证号码，而不是社会保障卡卡号，或改正证件类型。{_BY_ITSELF}",
    "REQUIRED": f"请在医院系统中补填这一项。{_BY_ITSELF}",
    "LENGTH": f"请在医院系统中改短这一项。{_BY_ITSELF}",
}
_BY_RULE: Final = frozenset({DeadClass.JOIN_INCOMPLETE, DeadClass.VALIDATION, DeadClass.MAPPING})
"""Classes of which one rule is mended otherwise than the next."""
_UNKNOWN: Final = "请把编号交给信息科：由更新的版本写成，本版本不认识"


def mending_words(dead_class: str, rule: str) -> str:
    """What to do about letters of a class and rule; of a class that this version does not know, whom to ask."""
    of_class = _OF_CLASSES.get(dead_class, _UNKNOWN)
    return _OF_RULES.get(rule, of_class) if dead_class in _BY_RULE else of_class


def owner_words(owner: str) -> str:
    """Who mends it."""
    return OWNERS.get(owner, OTHERS)


def place_words(where: str) -> str:
    """Of a place as `yibao dlq show` tells it."""
    column, _, key = where.partition(" of ")
    return f"{column}（主键 {key}）" if key else column


def age_words(ms: int) -> str:
    """How long something took: days and hours, or hours and minutes."""
    minutes = max(0, ms) // 60_000
    days, hours = minutes // 1_440, minutes % 1_440 // 60
    return f"{days}天{hours}小时" if days else f"{hours}小时{minutes % 60}分"

"""What a person decides about a letter of a list, in the words of the insurance office. Pure."""

import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Decision(StrEnum):
    """PENDING: not yet. MENDED: the row was changed in the hospital's system; its record comes by itself. CLOSE: nobody has to mend
    it any more, or the platform withdrew its record. REMAKE: try it again, made anew of its rows. RESEND: try it again as it was.
    REREAD: read its row from the database again.
    """

    PENDING = "待处理"
    MENDED = "已在HIS修改"
    CLOSE = "关闭"
    REMAKE = "重报"
    RESEND = "原样重报"
    REREAD = "重新读取"


MEANS: Final[Mapping[Decision, str]] = {
    Decision.PENDING: "还没有处理，导入时不做任何事；留空也一样",
    Decision.MENDED: "已在医院系统中改好：改动的数据会自动重报，被平台接收后这一条自动关闭，导入时只计数",
    Decision.CLOSE: "不需要再处理：请在“备注”写明原因；已上报记录的撤销还要填“平台确认号”",
    Decision.REMAKE: "映射、字典或对照表改好之后，用医院数据重新生成并重报：导入时写成重报计划，由信息科核对后执行",
    Decision.RESEND: "平台方修正之后，把原来的内容再报一次：导入时写成重报计划，由信息科核对后执行",
    Decision.REREAD: "系统没有这一行数据（例如当时无法归属到就诊）：导入时写成重报计划，由信息科执行时从医院数据库按主键重新读取",
}
"""For whoever fills a list in."""

_SYNONYMS: Final[Mapping[Decision, tuple[str, ...]]] = {
    Decision.PENDING: ("", "-", "pending", "open", "todo", "未处理", "待办"),
    Decision.MENDED: ("mended", "fixed", "已修改", "已改", "已更正", "已在his更正"),
    Decision.CLOSE: ("close", "closed", "已关闭", "不再处理", "无需处理"),
    Decision.REMAKE: ("replay", "renormalise", "renormalize", "重新上报", "重新生成"),
    Decision.RESEND: ("resend", "原样重发", "重发"),
    Decision.REREAD: ("recapture", "reread", "重读", "重新采集"),
}


def _folded(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).lower()


_KNOWN: Final = {_folded(word): one for one in Decision for word in (one.value, *_SYNONYMS[one])}


def decision_of(text: str) -> Decision | None:
    """The decision that a cell names, in whatever width, case and spacing; None for another text."""
    return _KNOWN.get(_folded(text))

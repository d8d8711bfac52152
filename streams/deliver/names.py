"""What a member of an answer speaks of, by its name: one table, compared without case, separators and what is not seen."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

_LONGEST: Final = 64
"""Characters of a name that are looked at."""
_HUMPS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Speaks(StrEnum):
    """What a name speaks of.

    CODE: a code. STATE: a code or a word, of the answer or of what it is about. SUCCESS: whether it went well, and nothing else
    will do. FLAG: the same, where only a plain no counts; of COUNTED also zero. COMPLAINT: what went wrong. WORDS: text for
    people. CONTENT: whatever the platform gives back, which may be text. TAKEN: how many it took, of TOTAL.
    """

    CODE = "code"
    STATE = "state"
    SUCCESS = "success"
    FLAG = "flag"
    COUNTED = "counted"
    COMPLAINT = "complaint"
    WORDS = "words"
    CONTENT = "content"
    TAKEN = "taken"
    TOTAL = "total"
    NOTHING = ""


_NAMES: Final = {
    Speaks.CODE: "code infcode rtncode replycode busicode businesscode httpcode httpstatus msgcode messagecode errno 代码 状态码 "
    "返回码 应答码",
    Speaks.STATE: "status state datastatus 状态",
    Speaks.SUCCESS: "success succeeded succeed succ ok successful successflag sucess succes isaccepted 成功 是否成功",
    Speaks.FLAG: "result ret outcome resulttype level severity ack 结果 处理结果",
    Speaks.COUNTED: "valid done completed finished pass passed flag accept accepted saved received stored inserted",
    Speaks.WORDS: "message msg messages msgs text desc description codedesc detail details reason reasons cause info information "
    "tip tips prompt hint content trace log warning remark 消息 信息 描述 说明 原因 提示",
    Speaks.CONTENT: "data body output",
    Speaks.TOTAL: "total totalnum totalcount totalcnt totalrows 总数 总条数",
}
_BEFORE: Final = ("is", "if", "was", "result", "return", "ret", "response", "resp", "rsp", "res", "sub", "biz", "status")
"""What may stand before a name of the table without changing what it speaks of."""
_TABLE: Final = {name: speaks for speaks, names in _NAMES.items() for name in names.split()}
_COMPLAINTS: Final = """
error exception fail reject invalid refus denied illegal abnormal unsuccess notsuccess notaccept unaccept skipped ignored stacktrace
"""
_COMPLAINING: Final = (*_COMPLAINTS.split(), "失败", "错误", "异常", "拒绝")
_COMPLAINING_WORDS: Final = frozenset({"err", "errs", "bad", "wrong", "ng"})
_NO_COMPLAINT: Final = ("failover", "failsafe", "failfast")
_TAKEN: Final = re.compile(
    r"(?:succ|success|successful|succeed|succeeded|ok|accepted?|saved?|inserted|received)(?:num|number|cnt|count|counts|total|rows|qty)"
    r"|成功(?:数|条数|笔数|数量)"
)


def folded(name: str) -> str:
    """A name as it is compared: `Ret_Code`, `retCode` and `RETCODE` are one."""
    return "".join(one for one in name[:_LONGEST].lower() if one.isalnum())


def speaks_of(name: str) -> Speaks:
    """What a member of this name speaks of."""
    return _speaks_of(name[:_LONGEST])


@lru_cache(1024)
def _speaks_of(name: str) -> Speaks:
    fold = folded(name)
    found = _TABLE.get(fold)
    if found is not None:
        return found
    for before in _BEFORE:
        if fold.startswith(before) and (found := _TABLE.get(fold[len(before) :])) is not None:
            return found
    if _TAKEN.fullmatch(fold):
        return Speaks.TAKEN
    for harmless in _NO_COMPLAINT:
        fold = fold.replace(harmless, "")
    if fold.startswith("err") or any(part in fold for part in _COMPLAINING):
        return Speaks.COMPLAINT
    parts = {part.lower() for part in _HUMPS.findall(name)}
    return Speaks.COMPLAINT if parts & _COMPLAINING_WORDS else Speaks.NOTHING

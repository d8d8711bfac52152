"""Whether the words of an answer tell of success or of failure.

Plain strings and patterns without a repetition inside of another one: the time that a text takes grows with its length, whatever
stands in it. It is read in the process's only event loop.
"""

import re
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Final

_SHORT: Final = 100
"""Characters of a text that is remembered: platforms have few."""
_UNSEEN: Final = dict.fromkeys((*range(32), 0x7F, 0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF))
_WIDE: Final = {0xFF01 + step: 0x21 + step for step in range(94)} | {0x3000: " "}
_SIMPLE: Final = str.maketrans(
    "敗錯誤異絕處權數據庫驗過續繁時長報後請輸參內條筆無對關閉頻較臺幾號碼簽約員間單項達復複覆帶缺點問題鎖滿棄權",
    "败错误异绝处权数据库验过续繁时长报后请输参内条笔无对关闭频较台几号码签约员间单项达复复覆带缺点问题锁满弃权",
)
_TABLE: Final = {**_UNSEEN, 0x09: " ", 0x0A: " ", 0x0D: " ", **_WIDE, **_SIMPLE}
_NUMBERED: Final = re.compile(r"&#(?:(\d{1,7})|[xX]([0-9a-fA-F]{1,6}));")
_PERCENT: Final = re.compile(r"(?:%[0-9a-fA-F]{2})+")

_GOOD: Final = """
true success succeeded successful succ ok y yes t up done completed complete finished accepted received passed normal
成功 正常 是 已入库 已接收 已受理 已保存 已完成 完成 通过
"""
_BAD: Final = "false fail failed failure error err n no f ng nok ko down 失败 错误 异常 否 错"
GOOD: Final = frozenset(_GOOD.split())
"""Words that say of something that it went well."""
BAD: Final = frozenset(_BAD.split())
"""Words that say that it did not."""
NOTHING: Final = frozenset(["", "null", "none", "nil", "false", "no", "n", "n/a", "[]", "{}", "-", "无", "否", "空"])
"""Words that say that there is nothing."""

_NOUNS: Final = (
    "失败|错误|异常|无效|拒绝|非法|重复|缺失|遗漏|问题|有误|不合格|不合规|不合法|不通过|未通过"
    "|未入库|未成功|待处理|丢弃|超时|超限|驳回|退回"
)
_ENGLISH: Final = (
    "errors?|fail(?:ed|ures?|s)?|exceptions?|reject(?:ed|ions?|s)?|invalid|duplicates?|missing|problems?|refused|denied|pending"
    "|illegal"
)
_ZERO: Final = r"(?:0+(?:\.0+)?%?(?!\d|\.\d)|(?:无|空|没有|none|null)(?!\w))"
_NO_FAILURE: Final = re.compile(
    rf"(?:没有|无|未发现|未见|未出现|不存在)(?:任何)?(?:{_NOUNS}|错|误)(?:的?(?:数据|记录|信息|条目|情况))?"
    rf"|(?:{_NOUNS})的?(?:数据|记录|信息|明细|列表|代码|码|编号)?(?:条数|笔数|数量|总数|个数|数|率)?(?:为空| ?[:=为是共]? ?{_ZERO})"
    rf"|(?<![\d.])0 ?(?:条|笔|个|行|项|例)?(?:数据|记录)?被? ?(?:{_NOUNS})"
    rf"|\b(?:no|0|zero|without)(?: any)? (?:{_ENGLISH})\b(?: (?:records?|rows?|items?)\b)?"
    rf"|\b(?:{_ENGLISH})(?: ?(?:count|records|rows|items|code|number|num))? ?[:=]? ?{_ZERO}"
)
"""What says that nothing failed: it is taken out of the words before they are looked at."""
_POLITE: Final = re.compile(r"请?(?:勿|不要|不能|不可|不得|无需|不必)(?:再次?)?重复(?:提交|上传|上报|报送|操作)?")

_FAILURES: Final = """
失败 异常 错误 有误 无效 拒绝 拒收 驳回 退回 非法 违规 故障 崩溃 中断 终止 宕机 禁止 禁用 冻结 停用 失效 过期
超时 超限 超长 超出 超过 越界 溢出 缺 遗漏 重复 问题 丢弃 丢失 作废 回滚 已满 频繁 限流 繁忙 系统维护 维护中 暂停 排队 正在
重试 再试 稍后再 稍候再 处理中 校验中 入库中 审核中 等待中 待处理 待审核 待确认 待入库 待校验 不成功 不通过 不存在
不合 不符 不正确 不对 不一致 不匹配 不支持 不允许 不能 不可 不得 不足 不全 不完 不规范 不明 不在 为空 必填 没有 没能
没成 忽略 跳过 断开 无法 无权 无此 无该 非成功
fail error exception invalid denied refus reject timeout unsuccess unauthor forbidden illegal unavailable incomplete
mismatch rollback duplicate missing discarded malformed ora-0 sqlstate
"""
_FAILING: Final = (
    *_FAILURES.split(),
    *("timed out", "time out", "too frequent", "too many", "bad request", "rolled back", "try again", "try later", "retry later"),
    *("please retry", "in progress", "not ok"),
)
_SHAPES: Final = re.compile(
    r"未(?!来)|(?<!全)部分|(?<![不无没交])错"
    r"|成功(?:接收|入库|上传|处理|保存)?(?:条?数?[:为]?)? ?0+(?:条|笔|个|行|项|/)"
    r"|(?<![\d.])0(?:条|笔|个|行|项)[^\d,，。;；]{0,6}成功"
    r"|\b(?:pending|busy|partial(?:ly)?|unable|cannot|queued)\b|(?:n't|\bnot) (?:yet |been |be )?"
    r"(?:accepted|saved|stored|processed|received|successful|found|allowed|permitted|supported|valid|complete|success|exist|match)"
    r"|\b0 (?:records? |rows? )?(?:accepted|succeeded|saved|stored)|\b(?:still |is |are )processing\b|^processing\W{0,3}$"
)
_SUCCEEDING: Final = re.compile(r"成功|success|^ok\b|已接收|已受理|已入库|正常|完成|完毕|通过")
_SUCCESS: Final = re.compile(r"[^\W不未没无]{0,4}成功|success(?:ful)?|succeeded|ok", re.IGNORECASE)
_AGAIN: Final = re.compile(
    r"请?(?:勿|不要|不能|不可|不得|不允许|禁止)?(?:再次?)?重复(?:提交|上传|上报|报送|操作|的?请求|的?数据|的?报文|的?msgid)?"
    r"|已存在|已经存在|已提交|已上传"
    r"|duplicated?|already (?:exists?|submitted|received)"
)


def plain(text: str) -> str:
    """`text` as it reads: one blank for many, small letters, simplified, nothing that is not seen, and no character written as
    its number.
    """
    return _short_plain(text) if len(text) <= _SHORT else _plain(text)


@lru_cache(512)
def _short_plain(text: str) -> str:
    return _plain(text)


def _plain(text: str) -> str:
    if text.isascii() and text.isalnum():
        return text.lower()
    if "&#" in text:
        text = _NUMBERED.sub(_numbered, text)
    if "%" in text:
        text = _PERCENT.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode(errors="replace"), text)
    return " ".join(text.translate(_TABLE).lower().split())


def _numbered(found: re.Match[str]) -> str:
    number = int(found[1]) if found[1] else int(found[2], 16)
    return chr(number) if number < 0x110000 else ""


def word_sign(value: object) -> bool | None:
    """Whether a flag's value says success (True) or failure (False); None where it says neither."""
    if isinstance(value, bool):
        return value
    word = plain(f"{value}") if isinstance(value, str | int) else ""
    if word in GOOD or word in BAD:
        return word in GOOD
    return False if word and fails(word) else None


def failing_words(text: str, harmless: AbstractSet[str]) -> bool:
    """Whether words speak of a failure. harmless: texts that do not, as the site says."""
    return text.strip() not in harmless and fails(plain(text))


def failing_besides(text: str, harmless: AbstractSet[str]) -> bool:
    """Whether words speak of a failure that is none of coming again: "请勿重复提交" is not, "解密失败" is."""
    return text.strip() not in harmless and fails(_AGAIN.sub(" ", plain(text)))


def fails(text: str) -> bool:
    """The same of a text that is `plain`."""
    return _short_fails(text) if len(text) <= _SHORT else _fails(text)


@lru_cache(512)
def _short_fails(text: str) -> bool:
    return _fails(text)


def _fails(text: str) -> bool:
    if not _shows(text):
        return text in BAD
    if "成功" in text:
        text = _POLITE.sub(" ", text)
    return _shows(_NO_FAILURE.sub(" ", text))


def _shows(text: str) -> bool:
    return any(word in text for word in _FAILING) or _SHAPES.search(text) is not None


def says_success(text: str) -> bool:
    """Whether words say success and nothing else: "已上传成功，不能重复上传" refuses."""
    return _SUCCESS.fullmatch(text.strip().rstrip("!！.。")) is not None


def says_nothing_wrong(text: str) -> bool:
    """Whether a text in the place of an error says that there is none: "无异常", "ok", "操作成功", "0.00"."""
    word = plain(text)
    if word in NOTHING or (word in GOOD and word not in ("true", "y", "yes", "t", "是")) or not word.strip("0.%"):
        return True
    rest = _NO_FAILURE.sub(" ", word)
    return not fails(word) and (_SUCCEEDING.search(word) is not None or not any(one.isalnum() for one in rest))

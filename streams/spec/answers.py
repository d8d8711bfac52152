"""The platform's answer codes (interface §3.2.4) and what each says about the records it answers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class AnswerClass(StrEnum):
    """What a code means for a batch.

    ACCEPTED: reported. REPEATED: the platform has seen this msgid; whether that means reported depends on what we saw of it.
    REFUSED: the fault of the content; find the record. HELD: a fault of our configuration, key or permission, or of the
    platform's; no record is to blame. RETRY: the outcome is unknown; the same bytes again under the same msgid. UNKNOWN: no table
    names the code; nobody knows what became of the batch, and a person is told at once.
    """

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    REFUSED = "refused"
    HELD = "held"
    RETRY = "retry"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One row of §3.2.4, or of a site's own codes: code, meaning and remedy in the interface's words, and its class."""

    code: str
    meaning: str
    remedy: str
    answer_class: AnswerClass


_ROWS: Final = (
    ("200", "成功", "", AnswerClass.ACCEPTED),
    ("40000", "通用业务异常", "根据提示信息进行数据检查", AnswerClass.REFUSED),
    ("40001", "业务数据序列化失败", "检查data节点是否是标准JSON格式或者加密不正确", AnswerClass.REFUSED),
    ("40002", "授权信息有误", "检查授权信息是否填充正确", AnswerClass.HELD),
    ("40003", "数据格式校验失败", "根据本文档检查入参格式、长度等规范", AnswerClass.REFUSED),
    ("40004", "服务类型不存在", "检查服务类型是否在服务清单中", AnswerClass.HELD),
    ("40005", "请勿重复提交", "检查msgid是否重复报送", AnswerClass.REPEATED),
    ("40006", "解密失败", "检查签名是否依据签名规范", AnswerClass.HELD),
    ("50000", "系统错误", "", AnswerClass.RETRY),
)

ANSWERS: Final[Mapping[str, Answer]] = MappingProxyType(
    {code: Answer(code=code, meaning=meaning, remedy=remedy, answer_class=kind) for code, meaning, remedy, kind in _ROWS}
)
"""Every code of §3.2.4."""

REFUSING: Final = frozenset(code for code, answer in ANSWERS.items() if answer.answer_class is AnswerClass.REFUSED)
"""The codes of §3.2.4 that refuse the content in words that a clerk can act on."""

_MOST_NUMBER: Final = 16
_NUMBER: Final = re.compile(r"-?\d+")


def spelt(value: object) -> str | None:
    """A code in one spelling, whether it is a number or text: `0000` is `0`. None where there is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value}"
    if not isinstance(value, str) or not (text := value.strip()):
        return None
    return f"{int(text)}" if is_number(text) else text


def is_number(code: str) -> bool:
    """Whether a code is a number, and not some other word."""
    return code.isascii() and len(code) <= _MOST_NUMBER and _NUMBER.fullmatch(code) is not None

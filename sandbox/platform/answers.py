"""The platform's answers: the nine codes of §3.2.4, what each says, and the shapes in which platforms were seen to write them."""

from dataclasses import dataclass
from enum import IntEnum

import orjson

CODE_NAMES = ("code", "infcode", "status", "resultCode")
"""Names under which the code was seen in the field; the interface states none (3.2.1 is followed by 3.2.3)."""


class Code(IntEnum):
    """Answer codes (§3.2.4)."""

    OK = 200
    REFUSED = 40000
    UNREADABLE = 40001
    UNAUTHORISED = 40002
    MALFORMED = 40003
    NO_SUCH_SERVICE = 40004
    REPEATED = 40005
    UNOPENED = 40006
    SYSTEM = 50000


MEANING = {
    Code.OK: "成功",
    Code.REFUSED: "通用业务异常",
    Code.UNREADABLE: "业务数据序列化失败",
    Code.UNAUTHORISED: "授权信息有误",
    Code.MALFORMED: "数据格式校验失败",
    Code.NO_SUCH_SERVICE: "服务类型不存在",
    Code.REPEATED: "请勿重复提交",
    Code.UNOPENED: "解密失败",
    Code.SYSTEM: "系统错误",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One judgement: a code and, after its meaning, what a person needs to mend it. Never a value out of a record."""

    code: Code
    detail: str = ""

    @property
    def text(self) -> str:
        """The sentence that the sender reads."""
        return f"{MEANING[self.code]}:{self.detail}" if self.detail else MEANING[self.code]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How an answer is written."""

    code_name: str = "code"
    """One of `CODE_NAMES`."""
    code_as_text: bool = False
    """`"200"` instead of `200`."""
    text_name: str = "message"
    """Name of the member with the text."""

    def __post_init__(self) -> None:
        """Refuse a name that no platform uses."""
        if self.code_name not in CODE_NAMES:
            raise ValueError(f"{self.code_name!r} is no name of an answer code; use one of {', '.join(CODE_NAMES)}")

    def write(self, answer: Answer) -> bytes:
        """The body of the HTTP answer."""
        code = str(int(answer.code)) if self.code_as_text else int(answer.code)
        return orjson.dumps({self.code_name: code, self.text_name: answer.text})

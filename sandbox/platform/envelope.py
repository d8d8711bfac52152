"""The outer message (§3.2.1), judged field by field.

Names and lengths are written down here once more, on purpose: a judge that read them from the table of the sender would share its
mistakes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from sandbox.platform.answers import Answer, Code
from streams.spec.fields import ServiceCode

MAX_DATA_CHARS = 50_000
MSGID_PREFIX_CHARS = 12
_LENGTHS = {"infno": 4, "msgid": 32, "fixmedins_code": 30, "fixmedins_name": 100, "data": MAX_DATA_CHARS}
_MSGID = re.compile(r"[0-9A-Za-z]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A well-formed outer message (§3.2.1)."""

    service: ServiceCode
    """From the path."""
    infno: str
    """Business number."""
    msgid: str
    """Id of the message."""
    institution: str
    """`fixmedins_code`."""
    name: str
    """`fixmedins_name`."""
    data: str
    """As it was sent, sealed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Who may report, and under which business numbers."""

    institutions: Mapping[str, str]
    """Registered name by code."""
    infno: Mapping[ServiceCode, frozenset[str]]
    """Business numbers that a service may have."""
    msgid_chars: int = 32
    """32, or 36 by the remark in the same row."""


def peek(body: bytes) -> tuple[str, str]:
    """The msgid and the institution of a body as far as they can be read, to address faults; `""` where they cannot."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(parsed, dict):
        return "", ""
    msgid, institution = parsed.get("msgid"), parsed.get("fixmedins_code")
    return (msgid if isinstance(msgid, str) else ""), (institution if isinstance(institution, str) else "")


def judge_envelope(service: str, body: bytes, registry: Registry) -> Envelope | Answer:
    """The envelope, or the answer that refuses it: 40004 service, 40003 shape, 40002 institution or its name, in this order."""
    if service not in set(ServiceCode):
        return Answer(code=Code.NO_SUCH_SERVICE, detail="请检查服务代码")
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _malformed("报文不是标准JSON")
    if not isinstance(parsed, dict):
        return _malformed("报文不是JSON对象")
    problem = _shape_problem(parsed, registry.msgid_chars)
    if problem:
        return _malformed(problem)
    envelope = Envelope(
        service=ServiceCode(service),
        infno=parsed["infno"],
        msgid=parsed["msgid"],
        institution=parsed["fixmedins_code"],
        name=parsed["fixmedins_name"],
        data=parsed["data"],
    )
    return _judge_registration(envelope, registry) or envelope


def _shape_problem(parsed: Mapping[str, object], msgid_chars: int) -> str:
    for name in parsed:
        if name not in _LENGTHS:
            return "报文含有接口未定义的参数"
    for name, limit in {**_LENGTHS, "msgid": msgid_chars}.items():
        if name not in parsed:
            return f"缺少必填参数【{name}】"
        value = parsed[name]
        if not isinstance(value, str):
            return f"参数【{name}】必须为字符串"
        if not value.strip():
            return f"必填参数【{name}】为空"
        if len(value) > limit:
            return f"参数【{name}】长度超过{limit}"
    return ""


def _judge_registration(envelope: Envelope, registry: Registry) -> Answer | None:
    prefix = envelope.institution[:MSGID_PREFIX_CHARS]
    if not _MSGID.fullmatch(envelope.msgid):
        return _malformed("参数【msgid】只能由数字和字母组成")
    if not envelope.msgid.startswith(prefix) or len(envelope.msgid) <= len(prefix):
        return _malformed("参数【msgid】应为定点医药机构编号加随机字符串")
    if envelope.infno not in registry.infno[envelope.service]:
        return _malformed("参数【infno】与服务不符")
    registered = registry.institutions.get(envelope.institution)
    if registered is None:
        return Answer(code=Code.UNAUTHORISED, detail="机构未备案授权")
    if envelope.name != registered:
        return Answer(code=Code.UNAUTHORISED, detail="机构名称与备案信息不一致")
    return None


def _malformed(detail: str) -> Answer:
    return Answer(code=Code.MALFORMED, detail=detail)

"""The decrypted `data`: an array of flat objects, cut into the exact text of each record and judged."""

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from hashlib import blake2b
from typing import TypeAlias

import orjson

from sandbox.platform.answers import Answer, Code
from sandbox.platform.values import ClosedLists, Finding, judge_value
from streams.spec.fields import Field, Service, ServiceCode

MAX_ROWS = 100
_CENT = Decimal("0.01")
_INSTITUTION = "FIXMEDINS_CODE"


class _RepeatedNameError(ValueError):
    """A JSON object with one name twice: which value counts would be a guess."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One record as it was sent."""

    text: str
    """The exact characters of its JSON object, cut out of the array."""
    values: Mapping[str, object]
    """Its members."""

    @property
    def content_hash(self) -> str:
        """BLAKE2b-128 in hex over the exact UTF-8 bytes of the object."""
        return blake2b(self.text.encode(), digest_size=16).hexdigest()

    def text_of(self, name: str) -> str:
        """The value of a field, `""` where it is absent."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the platform judges by."""

    services: Mapping[ServiceCode, Service]
    """The field tables."""
    closed: ClosedLists
    """The closed dictionaries."""
    frozen_items: frozenset[str] = frozenset()
    """HILIST_CODEs that may no longer be billed."""
    refuse_percent: float = 0.0
    """Share of record keys that are refused, from 0 to 100; always the same keys for one seed."""
    seed: int = 0
    """Chooses these keys."""
    total_tolerance: Decimal = _CENT
    """How far a line total may be from quantity times price (R1)."""
    anonymous: bool = True
    """Whether refusals never say which record is meant."""
    refuse_orphans: bool = False
    """Whether a record is refused whose visit or settlement was never accepted (R24)."""


def split_rows(plain: bytes) -> list[Row] | Answer:
    """The records of the array with their exact text, or 40001 (not JSON, not an array of objects) or 40003 (none, too many)."""
    try:
        parsed = orjson.loads(plain)
        if not isinstance(parsed, list) or not all(isinstance(item, dict) for item in parsed):
            return Answer(code=Code.UNREADABLE, detail="data不是对象数组")
        rows = _cut(plain.decode())
    except orjson.JSONDecodeError:
        return Answer(code=Code.UNREADABLE, detail="data不是标准JSON格式")
    except _RepeatedNameError:
        return Answer(code=Code.UNREADABLE, detail="data中存在重复的键")
    except RecursionError:
        return Answer(code=Code.UNREADABLE, detail="data嵌套过深")
    if not 1 <= len(rows) <= MAX_ROWS:
        return Answer(code=Code.MALFORMED, detail=f"单次上报应为1至{MAX_ROWS}条")
    return rows


def _cut(text: str) -> list[Row]:
    """Cut a valid array into its objects without touching a character of them."""
    decoder = json.JSONDecoder(object_pairs_hook=_once)
    rows: list[Row] = []
    start = text.find("{")
    while start >= 0:
        values, end = decoder.raw_decode(text, start)
        rows.append(Row(text=text[start:end], values=values))
        start = text.find("{", end)
    return rows


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _RepeatedNameError
    return values


OwnersUnknown: TypeAlias = Callable[[Row], Sequence[ServiceCode]]
"""Which of the records that a record belongs to were never accepted."""


def judge_rows(
    rows: Sequence[Row], *, service: Service, institution: str, rules: Rules, owners_unknown: OwnersUnknown = lambda _: ()
) -> tuple[Answer, Finding] | None:
    """The first refusal of a batch, or None. One bad record refuses them all; formats (40003) come before business (40000)."""
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        finding = judge_format(row, service=service, institution=institution, closed=rules.closed)
        if finding is None and row.text_of(service.key) in seen:
            finding = Finding(field=service.key, kind="REPEATED", says=f"字段【{service.key}】在同一批次内重复")
        if finding is not None:
            return Answer(code=Code.MALFORMED, detail=_place(number, finding.says, rules)), finding
        seen.add(row.text_of(service.key))
    for number, row in enumerate(rows, start=1):
        finding = judge_business(row, service=service, rules=rules)
        if finding is None and rules.refuse_orphans:
            finding = next((_ORPHAN[owner] for owner in owners_unknown(row)), None)
        if finding is not None:
            return Answer(code=Code.REFUSED, detail=_place(number, finding.says, rules)), finding
    return None


_ORPHAN = {
    ServiceCode.VISIT: Finding(field="MDTRT_ID", kind="ORPHAN", says="所属就诊记录尚未上报"),
    ServiceCode.SETTLEMENT: Finding(field="SETL_ID", kind="ORPHAN", says="所属结算记录尚未上报"),
}


def _place(number: int, says: str, rules: Rules) -> str:
    return says if rules.anonymous else f"第{number}条记录{says}"


def judge_format(row: Row, *, service: Service, institution: str, closed: ClosedLists) -> Finding | None:
    """The first thing wrong with a record's shape: unknown field, missing field, value, another institution's record."""
    fields: dict[str, Field] = {field.name: field for field in service.fields}
    for name in row.values:
        if name not in fields:
            return Finding(field="", kind="UNKNOWN", says="存在接口未定义的字段")
    for field in service.fields:
        if field.name not in row.values:
            if field.required:
                return Finding(field=field.name, kind="MISSING", says=f"缺少必填字段【{field.name}】")
            continue
        finding = judge_value(field, row.values[field.name], closed)
        if finding is not None:
            return finding
    if row.text_of(_INSTITUTION) != institution:
        return Finding(field=_INSTITUTION, kind="INSTITUTION", says=f"字段【{_INSTITUTION}】与报文机构编码不一致")
    return None


def judge_business(row: Row, *, service: Service, rules: Rules) -> Finding | None:
    """What a platform's own rules refuse in a well-formed record: R1, frozen items, a share of the keys."""
    if service.code is ServiceCode.FEE:
        expected = (Decimal(row.text_of("CNT")) * Decimal(row.text_of("PRIC"))).quantize(_CENT, ROUND_HALF_UP)
        if abs(expected - Decimal(row.text_of("DET_ITEM_FEE_SUMAMT"))) > rules.total_tolerance:
            return Finding(field="DET_ITEM_FEE_SUMAMT", kind="R1", says="明细项目费用总额与数量、单价不符")
        if row.text_of("HILIST_CODE") in rules.frozen_items:
            return Finding(field="HILIST_CODE", kind="FROZEN", says="存在已停用的医保目录编码")
    if is_refused_key(row.text_of(service.key), percent=rules.refuse_percent, seed=rules.seed):
        return Finding(field=service.key, kind="SHARE", says="数据未通过平台业务规则校验")
    return None


def is_refused_key(key: str, *, percent: float, seed: int) -> bool:
    """Whether the rule that refuses a share of all keys refuses this one: the same answer for the same key and seed, for ever."""
    return zlib.crc32(f"{seed}/{key}".encode()) % 10_000 < percent * 100

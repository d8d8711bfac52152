"""The three services of the reporting interface v2.0, read from the tables beside this module.

Each `data/<service>.tsv` is one field table of §3.3, row for row: number, name, label, kind, length as the interface writes it,
presence, code mark, value list, whether it identifies a person, clause, remark. Where the interface contradicts itself the file
keeps what is written and this module keeps what is meant:

- §3.3.3 has its columns "code" and "required" the other way round than §3.3.1 and §3.3.2; the file has one order for all.
- SETL_TIME is marked as a code and is a time: nothing but TEXT is ever `coded`.
- `yyyy-mm-dd` in a remark means yyyy-MM-dd; a date's form follows from its kind (§2.2), never from a remark.
- TTP_PAY_PROP is a proportion typed as a number of 5 digits without decimals, IPT_DAYS has 16 digits: kept as written.
- TRT_DCLA_DETL_SN states no length: `max_chars` is None.
- One field has different lengths in different services (FIXMEDINS_CODE 30, 100, 40): a field belongs to its service.
"""

import csv
import io
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from streams.spec.fields import Field, FieldKind, Service, ServiceCode

_ABOUT: Final = (
    (ServiceCode.VISIT, "就诊信息", "§3.3.3", "MDTRT_ID", "BEGNTIME", ""),
    (ServiceCode.SETTLEMENT, "结算信息", "§3.3.2", "SETL_ID", "SETL_TIME", "MEDFEE_SUMAMT"),
    (ServiceCode.FEE, "费用明细", "§3.3.1", "BKKP_SN", "FEE_OCUR_TIME", "DET_ITEM_FEE_SUMAMT"),
)


def _field(row: Mapping[str, str]) -> Field:
    kind = FieldKind(row["kind"])
    length, _, scale = row["length"].partition(",")
    is_decimal = kind is FieldKind.DECIMAL
    return Field(
        number=int(row["number"]),
        name=row["name"],
        label=row["label"],
        kind=kind,
        max_chars=int(length) if kind is FieldKind.TEXT and length else None,
        digits=int(length) if is_decimal else None,
        scale=int(scale or 0) if is_decimal else None,
        required=row["required"] == "required",
        coded=row["coded"] == "code" and kind is FieldKind.TEXT,
        dictionary=row["dictionary"] or None,
        personal=row["personal"] == "personal",
        clause=row["clause"],
    )


def _read(code: ServiceCode) -> tuple[Field, ...]:
    text = files("streams.spec").joinpath("data", f"{code}.tsv").read_text(encoding="utf-8")
    return tuple(_field(row) for row in csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


SERVICES: Final[Mapping[ServiceCode, Service]] = MappingProxyType(
    {
        code: Service(code=code, label=label, clause=clause, key=key, business_day=business_day, amount=amount, fields=_read(code))
        for code, label, clause, key, business_day, amount in _ABOUT
    }
)
"""All services, in the order of reporting: visit, settlement, fee lines."""

PERSONAL: Final[frozenset[str]] = frozenset(
    field.name for service in SERVICES.values() for field in service.fields if field.personal
)
"""Names of the fields that identify a person. Masked wherever a person looks; never in a log, header, label or file name."""

"""Default `infno` values. The interface (§3.2.1) says "business number" and lists none; these are the national transactions that
the records belong to. A site can set others.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from streams.spec.fields import ServiceCode

CareKind: TypeAlias = Literal["outpatient", "inpatient", "pharmacy"]
"""Kinds of care that have transactions of their own."""

INFNO: Final[Mapping[ServiceCode, Mapping[str, str]]] = MappingProxyType(
    {
        # Outpatient registration, inpatient admission. A pharmacy has no visit transaction: its purchase is the visit.
        ServiceCode.VISIT: MappingProxyType({"outpatient": "2201", "inpatient": "2401", "pharmacy": "2102"}),
        ServiceCode.SETTLEMENT: MappingProxyType({"outpatient": "2207", "inpatient": "2304", "pharmacy": "2102"}),
        ServiceCode.FEE: MappingProxyType({"outpatient": "2204", "inpatient": "2301", "pharmacy": "2102"}),
    }
)
"""The transaction that brings a record about, by service and kind of care."""

ALTERNATIVES: Final[Mapping[ServiceCode, tuple[str, ...]]] = MappingProxyType(
    {
        ServiceCode.VISIT: ("2201", "2203", "2401", "2402", "2403", "5201", "2102"),
        ServiceCode.SETTLEMENT: ("2207", "2304", "2102", "5203"),
        ServiceCode.FEE: ("2204", "2301", "2101", "2102", "5204"),
    }
)
"""All transactions that a platform may mean for a service."""

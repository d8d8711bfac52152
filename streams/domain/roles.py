"""The roles whose rows become records, in the order of reporting: the one table of what differs from role to role."""

from dataclasses import dataclass
from typing import Final

from connector.contract import TableRole
from streams.spec.fields import ServiceCode


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRole:
    """A role whose rows become records."""

    role: TableRole
    """The role."""
    service: ServiceCode
    """What its records are reported as."""
    prefix: str
    """What stands for it in the keys of the join's state."""


REPORTED: Final = (
    ReportedRole(role=TableRole.VISIT, service=ServiceCode.VISIT, prefix="v"),
    ReportedRole(role=TableRole.SETTLEMENT, service=ServiceCode.SETTLEMENT, prefix="s"),
    ReportedRole(role=TableRole.FEE, service=ServiceCode.FEE, prefix="f"),
)
"""In the order of reporting (rule R24). A record is built from its own row and at most one row of each role before it."""

ROLE_OF: Final = {one.service: one.role for one in REPORTED}
"""The role of the rows that become records of a service."""

SERVICE_OF: Final = {one.role: one.service for one in REPORTED}
"""The service that rows of a role are reported to; lookups have none."""

ROW_INDEX: Final = {one.role: index for index, one in enumerate(REPORTED)}
"""The place of a role in the order of reporting, and among the rows that a record is built from (`SourceRows`)."""

WITHIN_REACH: Final = {one.role: tuple(each.role for each in REPORTED[: index + 1]) for index, one in enumerate(REPORTED)}
"""By role, the roles of the rows that its records can read."""

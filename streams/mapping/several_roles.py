"""Tables whose rows are several things at once (`roles`): what is written, and the table for each of its roles."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from connector.contract import TableRole
from streams.domain.roles import REPORTED, SERVICE_OF
from streams.domain.several_roles import table_of_role
from streams.spec.profiles import REPORTING
from streams.wording import nearest

_REPORTED: Final = tuple(one.role for one in REPORTED)


class Several(Protocol):
    """A table as it is written."""

    @property
    def table(self) -> str:
        """Its name."""

    @property
    def all_roles(self) -> tuple[TableRole, ...]:
        """What its rows are at once, in the order of reporting."""

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it says in place of `records`."""

    @property
    def settlement(self) -> object:
        """How its lines find their settlement."""

    @property
    def kind(self) -> object:
        """Of its visits."""

    @property
    def named_by(self) -> object:
        """By what rows under it name it."""

    @property
    def moves(self) -> str | None:
        """Between which tables its rows move."""


def with_role(value: object) -> object:
    """What is written of a table, with the first of its roles, in the order of reporting. Raises ValueError."""
    if not isinstance(value, dict) or not isinstance(roles := value.get("roles"), list | tuple):
        return value
    if "role" in value:
        raise ValueError("has `role` and `roles`; write one of them")
    known = [one for one in _REPORTED if one in roles]
    ordered = [*known, *(one for one in roles if one not in known)] if len({*map(str, roles)}) == len(roles) else roles
    return {**value, "roles": ordered, "role": (known or [TableRole.VISIT])[0]}


def check_roles(roles: Sequence[TableRole], fields: Iterable[str]) -> None:
    """Raise ValueError where no table can be all of this at once, or nobody knows to which of its records a field belongs."""
    if not roles:
        return
    if len(roles) == 1:
        raise ValueError(f"a table with one role says `role: {roles[0].value}`")
    if len({*roles}) < len(roles):
        raise ValueError("`roles` names one of them twice")
    if others := [one for one in roles if one not in SERVICE_OF]:
        known = ", ".join(_REPORTED)
        raise ValueError(
            f"`roles` are what is reported of each row: {known}; a {others[0].value} is not. Rows under a reported table name it by"
            " `under` as they do a header"
        )
    known_to = {name: [role for role in roles if name in _fields_of(role)] for name in fields}
    services = " and ".join(map(_service, roles))
    if twice := [name for name, of in known_to.items() if len(of) > 1]:
        raise ValueError(
            f"`fields`: nobody can tell of which record {', '.join(twice)} is, which {services} have; write it in `records`"
        )
    if nowhere := [name for name, of in known_to.items() if not of]:
        near = nearest(nowhere[0], [name for role in roles for name in _fields_of(role)])
        raise ValueError(f"`fields`: {', '.join(nowhere)} is no field of {services.replace(' and ', ' or ')}{near}")


def for_role(table: Several, role: TableRole) -> dict[str, Any]:
    """What is other in the table that stands for one of the roles of a table."""
    first = role is table.all_roles[0]
    return {
        "table": table.table if first else table_of_role(table.table, role),
        "role": role,
        "roles": (),
        "fields": {name: source for name, source in table.fields.items() if name in _fields_of(role)},
        "settlement": table.settlement if role is TableRole.FEE else None,
        "kind": table.kind if role is TableRole.VISIT else None,
        "named_by": table.named_by if first else None,
        "moves": table.moves if first or table.moves is None else table_of_role(table.moves, role),
    }


def _fields_of(role: TableRole) -> list[str]:
    return [field.name for field in REPORTING.services[SERVICE_OF[role]].fields]


def _service(role: TableRole) -> str:
    return SERVICE_OF[role].value

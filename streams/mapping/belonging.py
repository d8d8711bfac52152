"""Which institution the rows of a mapping belong to, as it is written."""

from typing import Literal, Self

from pydantic import model_validator

from connector.contract import TableRole
from streams.mapping.names import Column
from streams.mapping.sources import Shorthand
from streams.mapping.strict import Code, Strict


class Belongs(Shorthand):
    """How to tell the institution of a row. A text alone means `{column: text}`."""

    column: Column | None = None
    """Column of the row whose value is a FIXMEDINS_CODE or one of the `his_codes` of `site.yaml`."""
    of: Literal["header"] | None = None
    """`header`: the column is one of the row's header."""
    constant: Code | None = None
    """All rows belong to this FIXMEDINS_CODE."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("needs exactly one of column, constant")
        if self.of is not None and self.column is None:
            raise ValueError("`of` makes sense only with `column`")
        return self


class InstitutionOf(Strict):
    """How to tell the institution of a row, per role."""

    visit: Belongs | None = None
    """Of visit rows. Required where the mapping has a visit table."""
    settlement: Belongs | None = None
    """Of settlement rows. Required where the mapping has a settlement table."""
    fee: Belongs | None = None
    """Of fee rows. Required where the mapping has a fee table."""

    def of(self, role: TableRole) -> Belongs | None:
        """How to tell the institution of rows of `role`."""
        match role:
            case TableRole.VISIT:
                return self.visit
            case TableRole.SETTLEMENT:
                return self.settlement
            case TableRole.FEE:
                return self.fee
            case TableRole.HEADER | TableRole.LINK | TableRole.LOOKUP:
                return None

"""An institution of a site, as records read from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """An institution that reports."""

    code: str
    """FIXMEDINS_CODE."""
    name: str
    """FIXMEDINS_NAME."""
    kind: Literal["hospital", "pharmacy"]
    """Hospital or pharmacy."""
    area: str
    """Six digits of its area (FIX_BLNG_ADMDVS)."""
    level: str | None
    """HOSP_LV; None where the site gives none."""
    values: Mapping[str, str]
    """Further values that a site gives it, by name."""

    def value(self, name: str) -> str | None:
        """`code`, `name`, `area`, `level`, or one of `values` by its name."""
        match name:
            case "code":
                return self.code
            case "name":
                return self.name
            case "area":
                return self.area
            case "level":
                return self.level
            case _:
                return self.values.get(name)

"""The institutions whose rows stand in the one sample database, under codes of the database's own."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """One institution of the sample."""

    own: str
    """Code in the database's rows."""
    code: str
    """FIXMEDINS_CODE."""
    name: str
    """FIXMEDINS_NAME."""
    area: str
    """Six digits of its area."""
    pharmacy: bool = False
    """Whether it is a pharmacy."""
    level: str = ""
    """HOSP_LV."""
    tier: str = ""
    """LMTPRIC_HOSP_LV and DEDC_HOSP_LV."""


HOSPITALS: Final = (
    Institution(own="10", code="H36110200001", name="示例市第一人民医院", area="361102", level="02", tier="3"),
    Institution(own="20", code="H36110300002", name="示例市第二人民医院", area="361103", level="05", tier="2"),
)
PHARMACIES: Final = (
    Institution(own="Y1", code="P36110200101", name="示例大药房一店", area="361102", pharmacy=True),
    Institution(own="Y2", code="P36110300102", name="示例大药房二店", area="361103", pharmacy=True),
)
INSTITUTIONS: Final = {institution.own: institution for institution in HOSPITALS + PHARMACIES}

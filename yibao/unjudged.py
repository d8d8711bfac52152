"""Which rules across records nobody judges in a source, because of how its mapping reads them."""

from collections.abc import Iterator
from typing import Final

from connector.contract import TableRole
from streams.domain.validate.judge import REVERSED, SUMS
from streams.mapping import Site, compile_site

_SUMS: Final = "how lines find their settlement, or an amount, does not stand in their own row"
_REVERSED: Final = "the amount of settlements does not stand in their own row"


def unjudged(site: Site) -> Iterator[tuple[str, str, str]]:
    """Source, rule, and why."""
    for source, mapping in compile_site(site).items():
        roles = {table.role for table in mapping.tables.values()}
        if site.rules.get(SUMS) != "off" and mapping.tallied is None and {TableRole.SETTLEMENT, TableRole.FEE} <= roles:
            yield source, SUMS, _SUMS
        if site.rules.get(REVERSED) != "off" and mapping.stated is None and TableRole.SETTLEMENT in roles:
            yield source, REVERSED, _REVERSED

"""From a site's files to the pure folds of place and join, and what the two must agree on."""

from zoneinfo import ZoneInfo

from streams.domain.join.fold import Joiner
from streams.domain.join.limits import JoinLimits
from streams.domain.join.withdrawing import WithdrawalLimits
from streams.domain.place.ended import ENDED_MS
from streams.domain.place.fold import Placer
from streams.domain.place.record_names import record_names
from streams.mapping import Site, compile_site
from streams.mapping.linking import claiming_tables, counting_tables, direct_visit_keys, further_roles, linked_tables

_QUIET = 3
"""After so many graces without a row of it, a transaction counts as ended."""


def placer_of(site: Site, *, partitions: int | None = None) -> Placer:
    """What decides where a row of a site belongs. partitions: of `visit.changes`, where they are not the site's."""
    quiet_ms = _QUIET * _grace_ms(site)
    return Placer(
        direct_visit_keys(site),
        partitions=site.kafka.partitions if partitions is None else partitions,
        linked=linked_tables(site),
        names=record_names(compile_site(site)),
        claiming=claiming_tables(site),
        counting=counting_tables(site),
        further=further_roles(site),
        quiet_ms=quiet_ms,
        ended_ms=_known_ms(site),
    )


def joiner_of(site: Site) -> Joiner:
    """The fold of the join of a site."""
    return Joiner(
        compile_site(site),
        JoinLimits(
            wait_ms=site.join.wait_s * 1000,
            unsettled_wait_ms=site.join.unsettled_wait_s * 1000,
            withdrawals=WithdrawalLimits(
                grace_ms=_grace_ms(site),
                per_hour=site.join.withdrawal_guard.per_hour,
                share=site.join.withdrawal_guard.share,
                known_ms=_known_ms(site),
            ),
        ),
        zone=ZoneInfo(site.timezone),
    )


def _known_ms(site: Site) -> int:
    """So long the place stage remembers which visit a record was in last, and the join relies on it."""
    return max(ENDED_MS, _grace_ms(site))


def _grace_ms(site: Site) -> int:
    return round(site.join.withdrawal_grace_s * 1000)

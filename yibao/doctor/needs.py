"""What a site is held against."""

from dataclasses import dataclass

from streams.mapping import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a site needs of its surroundings."""

    servers: str
    """`kafka.bootstrap_servers`."""
    copies: int
    """`kafka.replication_factor`."""
    outage_h: float
    """`doctor.outage_h`."""
    clients: str
    """What the client ids of its workers begin with."""
    user: str
    """Whom they log in as; `""` without a login."""
    certificate_days: int
    """`doctor.certificate_days`."""
    key_days: int
    """`doctor.key_days`."""
    probe: str
    """`doctor.platform_probe`."""


def needs_of(site: Site) -> Needs:
    """As its file says."""
    return Needs(
        servers=site.kafka.bootstrap_servers,
        copies=site.kafka.replication_factor,
        outage_h=site.doctor.outage_h,
        clients=f"yibao-{site.site}",
        user=site.kafka.security.sasl_username or "",
        certificate_days=site.doctor.certificate_days,
        key_days=site.doctor.key_days,
        probe=site.doctor.platform_probe,
    )

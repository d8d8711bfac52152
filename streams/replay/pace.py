"""How fast a replay goes, and where it stops."""

from dataclasses import dataclass

from streams.mapping import Site


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """As `replay` in site.yaml says."""

    rate_per_s: float
    """Most orders a second."""
    yields_above: int
    """While more rows or records than so many wait for a stage, nothing is handed on."""
    approve_above: int
    """A plan of more records needs another person."""
    stop_share: float
    """A run stops where more than this share is refused again."""
    most: int
    """So often a record may be replayed."""


def pace_of(site: Site) -> Pace:
    """That of a site."""
    written = site.replay
    return Pace(
        rate_per_s=written.rate_per_s,
        yields_above=written.yields_above,
        approve_above=written.approve_above,
        stop_share=written.stop_share,
        most=written.most,
    )

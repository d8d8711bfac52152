"""The part of `site.yaml` that says how dead letters are replayed."""

from typing import Annotated

from pydantic import Field

from streams.mapping.strict import Strict


class ReplaySettings(Strict):
    """How dead letters are replayed (`yibao replay`)."""

    rate_per_s: Annotated[float, Field(gt=0)] = 50.0
    """Most records a second that a run hands to the join, and most rows that it has read again."""
    yields_above: Annotated[int, Field(ge=0)] = 1000
    """While more rows or records than so many wait for a stage, a run hands on nothing: live traffic goes first."""
    approve_above: Annotated[int, Field(ge=0)] = 1000
    """A plan that sends more records than so many needs `yibao replay approve` by another person: one with another user id."""
    approve_by_name: bool = False
    """Where persons share an account: whoever says another name (`YIBAO_PERSON`) than who made the plan is another person. It
    proves nothing but that somebody said so."""
    stop_share: Annotated[float, Field(gt=0, le=1)] = 0.2
    """A run stops by itself when more than this share of what it sent is refused again, of 20 records at least."""
    most: Annotated[int, Field(ge=1)] = 5
    """So often a record may be replayed; then it is left out until a plan names it with `--release`."""

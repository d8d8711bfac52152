"""The part of `site.yaml` that says how far behind the stages may be before it is told."""

from typing import Annotated

from pydantic import Field

from streams.mapping.strict import Strict


class LagSettings(Strict):
    """When `yibao lag` and `yibao status` call a stage late (exit code 1)."""

    max_age_s: Annotated[float, Field(gt=0)] = 600.0
    """When the oldest row or record that waits was captured longer ago than so."""
    max_paused_s: Annotated[float, Field(gt=0)] = 28_800.0
    """When the oldest that a pause with an end keeps back has waited so long (a working day), `yibao status` asks for a person all
    the same. It does so at once where that would wait for more than half of `retention` at the pause's end."""
    max_waiting: Annotated[int, Field(ge=0)] | None = None
    """When more rows or records than so many wait for one stage. Left out: any number may."""

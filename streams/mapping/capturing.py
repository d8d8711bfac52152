"""The part of `site.yaml` that says how captures are watched over."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from streams.mapping.strict import Strict


class CaptureSettings(Strict):
    """What the place stage does about a capture that has failed."""

    restarts: Annotated[int, Field(ge=0)] = 6
    """So often in a row a capture that failed is started again; then a person is called. `0`: never. A cause that no restart mends
    is told at once, and nothing is started. Not where `connect.read_only` is on."""
    first_restart_s: Annotated[float, Field(gt=0)] = 15.0
    """Wait before the first restart; each next one waits twice as long."""
    longest_restart_s: Annotated[float, Field(gt=0)] = 600.0
    """Longest wait between two."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.longest_restart_s < self.first_restart_s:
            raise ValueError(
                f"longest_restart_s ({self.longest_restart_s}) is shorter than first_restart_s ({self.first_restart_s})"
            )
        return self

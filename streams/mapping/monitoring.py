"""Settings of what is looked at of a worker from outside: `/live`, `/ready`, `/health`, `/metrics`."""

from ipaddress import ip_address
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from streams.mapping.strict import Strict

_STAGES: Final = ("place", "join", "deliver")
_LAST_PORT: Final = 65_535
_LEAST_PATIENCE_S: Final = 5
"""An answer alone may take so long on a machine that is busy."""


class WorkerHttp(Strict):
    """Where each worker serves `/live`, `/ready`, `/health` and `/metrics` (docs/metrics.md). Without TLS and without a login: they
    tell names of institutions, sources and topics, counts and causes, and nothing of a patient.
    """

    serve: bool = True
    """Whether they are served at all."""
    host: str = "127.0.0.1"
    """The address to listen at: an IP address."""
    port: Annotated[int, Field(ge=0, le=_LAST_PORT - 2)] = 0
    """`0`: each worker takes a free port and writes it into its folder (`yibao worker health` finds it there). Else the port of
    `place` with index 0; `join` takes the next one, `deliver` the one behind it, and each further index three more: with 9464,
    `join --index 1` has 9468."""
    insecure: bool = False
    """Allow a `host` that other machines reach, though there is neither TLS nor a login."""
    stuck_s: Annotated[float, Field(ge=1)] = 30.0
    """So long the event loop may stand still before `/live` says no. Longer than a worker takes to read a large site's state."""
    silent_s: Annotated[float, Field(ge=0)] = 60.0
    """So long `/live` of a worker may say nothing, or no, before `yibao worker all`, which started it, ends it with SIGKILL and
    starts it again; at least 5. `0`: for ever, for a debugger that holds a process. What only works slowly answers: a thread of its
    own serves `/live`. Without `serve` nobody can ask, and none is ended."""

    start_s: Annotated[float, Field(ge=0)] = 300.0
    """So long a worker that `yibao worker all` started may take until it serves `/live`; then it is ended like one that is silent:
    it hangs in a file or a folder that does not answer. It serves before it asks any broker, so one that waits for brokers is not
    meant. `0`: for ever."""

    @model_validator(mode="after")
    def _patient(self) -> Self:
        if 0 < self.silent_s < _LEAST_PATIENCE_S:
            raise ValueError(f"silent_s {self.silent_s:g} is too short: give {_LEAST_PATIENCE_S} or more, or 0 for never")
        return self

    @model_validator(mode="after")
    def _on_this_machine(self) -> Self:
        try:
            loopback = ip_address(self.host).is_loopback
        except ValueError:
            raise ValueError(f"host `{self.host}` is no IP address: write 127.0.0.1, or 0.0.0.0 with `insecure: true`") from None
        if not loopback and not self.insecure:
            raise ValueError(f"host {self.host} can be reached from other machines: write `insecure: true` where that is meant")
        return self

    def port_of(self, stage: str, index: int) -> int:
        """The port of a worker; 0 for a free one. Raises ValueError where its number is too high."""
        if not self.port:
            return 0
        port = self.port + len(_STAGES) * index + _STAGES.index(stage)
        if port > _LAST_PORT:
            raise ValueError(f"{stage} with index {index} has no port: workers.http.port {self.port} is too high")
        return port

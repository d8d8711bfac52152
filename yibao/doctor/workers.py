"""The workers of the stages, judged. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from yibao.doctor.checks import Told, blocks, warns
from yibao.lag.stages import StageLag
from yibao.monitored import Seen
from yibao.processes import kill
from yibao.status.heard import heard_of


def of_workers(lags: Sequence[StageLag], now: datetime, heard: Sequence[Seen] = ()) -> Iterator[Told]:
    """Whether each stage goes on. heard: what the workers on this machine say of themselves."""
    for stage in dict.fromkeys(lag.stage for lag in lags):
        if (found := heard_of(heard, stage)).stuck:
            yield blocks("workers.stuck", f"stage {stage}", f"has workers that are stuck: {found.stuck}", kill(found.pids))
    for lag in lags:
        if lag.since is not None:
            what, *more = lag.lines(now)
            yield warns("workers.stand", "stage deliver", what, " ".join(line.strip() for line in more))
        elif not lag.workers and not heard_of(heard, lag.stage).stuck:
            waiting = f", and {lag.waiting} wait" if lag.waiting else ""
            verb = lag.stage
            yield blocks(
                "workers.present", f"stage {lag.row[0]}", f"has no worker{waiting}", f"yibao worker {verb}  # or: yibao worker all"
            )
        for plan in lag.plans:
            if plan.held or plan.cause:
                what, *more = plan.lines(now)
                yield blocks("workers.stand", "stage deliver", what, " ".join(line.strip() for line in more))

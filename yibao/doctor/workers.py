"""The workers of the stages, judged. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from yibao.doctor.checks import Told, blocks, warns
from yibao.lags import StageLag


def of_workers(lags: Sequence[StageLag], now: datetime) -> Iterator[Told]:
    """Whether each stage goes on."""
    for lag in lags:
        if lag.since is not None:
            what, *more = lag.lines(now)
            yield warns("workers.stand", "stage deliver", what, " ".join(line.strip() for line in more))
        elif not lag.workers:
            waiting = f", and {lag.waiting} wait" if lag.waiting else ""
            verb = lag.stage
            yield blocks(
                "workers.present", f"stage {lag.row[0]}", f"has no worker{waiting}", f"yibao worker {verb}  # or: yibao worker all"
            )
        for plan in lag.plans:
            if plan.held or plan.cause:
                what, *more = plan.lines(now)
                yield blocks("workers.stand", "stage deliver", what, " ".join(line.strip() for line in more))

"""The parts of `site.yaml` that say how the stages work: gathering, waiting, reacting, keeping."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from streams.mapping.monitoring import WorkerHttp
from streams.mapping.strict import Strict
from streams.mapping.values import FilePath


class BatchSettings(Strict):
    """How records are gathered for delivery."""

    max_records: Annotated[int, Field(ge=1, le=3000)] = 2000
    """Most records of one plan, which are cut into batches together. Fewer make emptier batches."""
    linger_s: Annotated[float, Field(ge=0)] = 0.2
    """Longest wait for more records before a plan is made. (Records that are 10 s late already wait up to a second, and up to 10 s,
    a tenth of their age at most, while the join has more of their partition before it: a backlog gets through sooner in full
    batches.)"""


class PlaceSettings(Strict):
    """How rows are handed to the partitions of their visits."""

    linger_s: Annotated[float, Field(ge=0)] = 0.1
    """Longest wait for more rows before a transaction."""
    max_chunk: Annotated[int, Field(ge=1, le=10_000)] = 3000
    """Most rows of one transaction."""


class WithdrawalGuard(Strict):
    """When deletions are so many that a program must have made them: no letters are written of them until somebody looked."""

    per_hour: Annotated[int, Field(ge=0)] = 1000
    """Withdrawals of one source and partition of the topics in one hour. More are held. `0` never holds."""
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Only when they are also more than this share of all changes of the partition since the first of them."""


class JoinSettings(Strict):
    """How the join waits for the parts of a visit."""

    wait_s: Annotated[int, Field(ge=1)] = 900
    """So long a settlement waits for its visit, a line for a settlement that it names, a row for its header, and each until one of
    several is left."""
    unsettled_wait_s: Annotated[int, Field(ge=1)] = 60 * 86_400
    """A fee line of a visit without settlement waits so long (60 days)."""
    withdrawal_grace_s: Annotated[float, Field(ge=0)] = 10.0
    """So long after a reported row was deleted, and its transaction ended, another row of its visit may bring the same record back:
    an edit that deletes and inserts, a move to another table. Then the record is told as WITHDRAWN. A transaction of which nothing
    came for three times as long counts as ended."""
    withdrawal_guard: WithdrawalGuard = WithdrawalGuard()
    """An archive job that deletes a million rows must not become a million letters. What is held is told in one letter, and looked
    at again when one of these values, or the mapping (`deletions`), changes."""
    tick_s: Annotated[float, Field(gt=0)] = 5.0
    """How often waiting parts are looked at."""
    linger_s: Annotated[float, Field(ge=0)] = 0.1
    """Longest wait for more changes before a transaction."""
    max_chunk: Annotated[int, Field(ge=1, le=10_000)] = 3000
    """Most changes of one transaction."""


class FloodGuard(Strict):
    """When refusals are so many that the fault must be ours: the lane is held instead of emptying it into the dead letters."""

    ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    """A lane is held when more than this share of the records that are committed together (a plan, or some 500 of a long one) is
    refused. `1` never holds: it lifts such a hold."""
    min_refused: Annotated[int, Field(ge=1)] = 20
    """Fewer refused records than this, of those that are committed together, never count as a flood."""
    in_a_row: Annotated[int, Field(ge=0)] = 100
    """A lane is held, too, when so many records in a row are refused, over plans. `0` never holds: it lifts such a hold."""


class RetryDelays(Strict):
    """Waiting between attempts whose outcome is unknown, with full jitter."""

    min_s: Annotated[float, Field(gt=0)] = 0.2
    """Longest first wait."""
    max_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest wait of all."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_s < self.min_s:
            raise ValueError(f"max_s ({self.max_s}) is shorter than min_s ({self.min_s}), the first wait")
        return self


class Breaker(Strict):
    """When attempts stop because nothing gets through."""

    failures: Annotated[int, Field(ge=1)] = 5
    """Failures in a row that open it."""
    probe_s: Annotated[float, Field(gt=0)] = 5.0
    """Wait before one request tries again; doubled after each that fails."""
    longest_wait_s: Annotated[float, Field(gt=0)] = 60.0
    """Longest of these waits."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.longest_wait_s < self.probe_s:
            raise ValueError(f"longest_wait_s ({self.longest_wait_s}) is shorter than probe_s ({self.probe_s}), the first wait")
        return self


class DeliverSettings(Strict):
    """How the deliver stage reacts to the platform."""

    flood_guard: FloodGuard = FloodGuard()
    """When so much is refused that the lane is held instead of emptying a hospital into the dead letters."""
    retry: RetryDelays = RetryDelays()
    """Waiting after a request whose outcome is unknown."""
    breaker: Breaker = Breaker()
    """When requests stop after many such outcomes in a row."""
    held_probe_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait between probes of a lane that is held by configuration, key or authorisation."""


class RuleOptions(Strict):
    """Readings of rules that differ between platforms."""

    price_decimals: Annotated[int, Field(ge=0, le=6)] | None = None
    """R1: round the price to so many decimals before it is multiplied (guide: 3). Left out: as it is."""
    fund_includes_account: bool = False
    """R5: FUND_PAY_SUMAMT contains ACCT_PAY."""
    lines_within_s: Annotated[int, Field(ge=0)] = 60
    """R2: so long a settlement's amount may differ from what its lines add up to before that is counted: lines and settlements
    arrive apart. Where rows move between tables, at least `deletions.moved_within`."""
    reversals_within_s: Annotated[int, Field(ge=0)] = 60
    """R25: so long after a settlement below 0 the one of its visit may come that it takes back, before it is counted that there is
    none: tables are read one after the other. Where rows move between tables, at least `deletions.moved_within`."""


class Retention(Strict):
    """How long the topics keep records, in days."""

    changes_days: Annotated[int, Field(ge=1)] = 14
    """Rows as captured."""
    ready_days: Annotated[int, Field(ge=1)] = 14
    """Records to deliver."""
    receipts_days: Annotated[int, Field(ge=1)] = 400
    """Receipts: the ledger."""
    dead_days: Annotated[int, Field(ge=1)] = 400
    """Dead letters."""
    control_days: Annotated[int, Field(ge=1)] = 400
    """Which sources were stopped, why, and who let them go on. What is in force is kept for ever."""


class Workers(Strict):
    """The processes that run the stages."""

    # Also of the default that is made where no site is known: its folder would count from wherever a worker was started.
    model_config = ConfigDict(revalidate_instances="always")

    home: FilePath = Field(default=Path(".yibao"), validate_default=True)
    """Folder for what a worker keeps on this machine; nothing in it is needed after a restart."""
    http: WorkerHttp = WorkerHttp()
    """What monitoring and probes look at."""

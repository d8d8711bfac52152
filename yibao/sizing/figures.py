"""What was measured of each part, on two cores with nothing else to do. docs/performance.md tells how; nothing here is a guess."""

from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    value: float
    """As measured."""
    unit: str
    """Of what, of what."""
    how: str
    """By which run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Everything that a plan is computed from."""

    changes_a_record: Figure = Figure(1.95, "changes a record", "sample hospital: written, settled, perhaps corrected")
    records_a_line: Figure = Figure(1.25, "records a fee line", "sample hospital: 13 records a visit, of which some 10.4 are lines")
    lines_a_visit: Figure = Figure(10.4, "fee lines a visit", "sample hospital")
    capture: Figure = Figure(
        12_700, "changes a second, one Connect task", "`python -m tests.bench capture`, the slower of two runs"
    )
    connect_cpu: Figure = Figure(88, "µs of CPU a change, Connect", "`python -m tests.bench capture`")
    broker_cpu: Figure = Figure(47, "µs of CPU a change, Kafka", "`python -m tests.bench capture`")
    place_cpu: Figure = Figure(37, "µs of CPU a row, place", "`make bench BENCH_ARGS=place`")
    join_cpu: Figure = Figure(125, "µs of CPU a change, join", "`python -m tests.bench.against`, 600 visits")
    deliver_cpu: Figure = Figure(120, "µs of CPU a record, deliver", "`python -m tests.bench.against`, 600 visits")
    deliver_cores: Figure = Figure(1.2, "cores that one deliver worker can use", "`bench two`: sealing has threads of its own")
    records_a_batch: Figure = Figure(18.0, "records a batch, of a backlog", "`make bench BENCH_ARGS=whole`")
    of_the_bound: Figure = Figure(0.88, "of lanes × batch ÷ answer time", "`make bench`, a platform that answers in 50 ms")
    row_bytes: Figure = Figure(170, "bytes a row in rows.SOURCE, packed", "a backlog of 266,641 rows")
    change_bytes: Figure = Figure(151, "bytes a message of visit.changes, packed", "a backlog of 279,613 messages")
    record_bytes: Figure = Figure(234, "bytes a record of visit.ready, packed", "a backlog of 60,006 records")
    receipt_bytes: Figure = Figure(364, "bytes a batch's receipt, packed", "9,925 receipts")
    live_factor: Figure = Figure(1.6, "times these bytes, of live changes", "`yibao demo`: 1,408 bytes a record; a backlog has 860")
    state_bytes: Figure = Figure(1_700, "bytes a visit, state on disk", "`python -m tests.bench.state FOLDER 1000000`")
    place_state_bytes: Figure = Figure(490, "bytes a visit, place's state on disk", "4.5 MB of 9,300 visits")
    state_read_cpu: Figure = Figure(313, "µs of CPU a visit, state read anew", "the same: 5.2 minutes a million visits")
    join_memory: Figure = Figure(381, "MiB, a join worker with 12 partitions", "the same")
    deliver_memory: Figure = Figure(
        400, "MiB, a deliver worker with a long backlog", "the bound of a test; 271 with 2,000,000 waiting"
    )


MEASURED: Final = Figures()


def told(figures: Figures = MEASURED) -> list[tuple[str, str, str, str]]:
    """name, value, unit and run of each, in the order above."""
    found = [(field.name, getattr(figures, field.name)) for field in fields(figures)]
    return [(name, f"{figure.value:,g}", figure.unit, figure.how) for name, figure in found]

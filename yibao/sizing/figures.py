"""What was measured of each part on two cores, of several runs a high one; docs/performance.md tells how. Nothing is a guess."""

from typing import Final

from streams.mapping.strict import Strict


class Figure(Strict):
    """One measured value."""

    value: float
    """As measured."""
    how: str
    """By which run."""


class Figures(Strict):
    """Everything that a plan is computed from."""

    changes_a_record: Figure = Figure(value=1.95, how="sample hospital: written, settled, perhaps corrected")
    """Changes a record."""
    records_a_line: Figure = Figure(value=1.25, how="sample hospital: 13 records a visit, of which some 10.4 are lines")
    """Records a fee line."""
    lines_a_visit: Figure = Figure(value=10.4, how="sample hospital")
    """Fee lines a visit."""
    capture: Figure = Figure(value=12_700, how="`python -m tests.bench capture`, the slower of two runs")
    """Changes a second, one Connect task."""
    connect_cpu: Figure = Figure(value=88, how="`python -m tests.bench capture`")
    """CPU µs a change, Connect."""
    broker_cpu: Figure = Figure(value=47, how="`python -m tests.bench capture`")
    """CPU µs a change, Kafka."""
    place_cpu: Figure = Figure(value=37, how="`make bench BENCH_ARGS=place`")
    """CPU µs a row, place."""
    join_cpu: Figure = Figure(value=125, how="`python -m tests.bench.against`, 600 visits")
    """CPU µs a change, join."""
    deliver_cpu: Figure = Figure(value=120, how="`python -m tests.bench.against`, 600 visits")
    """CPU µs a record, deliver."""
    deliver_cores: Figure = Figure(value=1.2, how="`bench two`: sealing has threads of its own")
    """Cores that one deliver worker can use."""
    records_a_batch: Figure = Figure(value=18.0, how="`make bench BENCH_ARGS=whole`")
    """Records a batch, of a backlog."""
    of_the_bound: Figure = Figure(value=0.88, how="`make bench`, a platform that answers in 50 ms")
    """Of lanes × batch ÷ answer time."""
    row_bytes: Figure = Figure(value=170, how="a backlog of 266,641 rows")
    """Bytes a row in rows.SOURCE, packed."""
    change_bytes: Figure = Figure(value=151, how="a backlog of 279,613 messages")
    """Bytes a message of visit.changes, packed."""
    record_bytes: Figure = Figure(value=234, how="a backlog of 60,006 records")
    """Bytes a record of visit.ready, packed."""
    receipt_bytes: Figure = Figure(value=364, how="9,925 receipts")
    """Bytes a batch's receipt, packed."""
    live_factor: Figure = Figure(value=1.6, how="`yibao demo`: 1,408 bytes a record; a backlog has 860")
    """Times these bytes, of live changes."""
    state_bytes: Figure = Figure(value=1_700, how="`python -m tests.bench.state FOLDER 1000000`")
    """Bytes a visit, state on disk."""
    place_state_bytes: Figure = Figure(value=490, how="4.5 MB of 9,300 visits")
    """Bytes a visit, place's state on disk."""
    state_read_cpu: Figure = Figure(value=313, how="the same: 5.2 minutes a million visits")
    """CPU µs a visit, state read anew."""
    join_memory: Figure = Figure(value=381, how="the same")
    """MiB, a join worker with 12 partitions."""
    deliver_memory: Figure = Figure(value=400, how="the bound of a test; 271 with 2,000,000 waiting")
    """MiB, a deliver worker with a long backlog."""


MEASURED: Final = Figures()


def told(figures: Figures = MEASURED) -> list[tuple[str, str, str, str]]:
    """name, value, of what, and by which run, of each in the order above."""
    found = [(name, info.description or "", getattr(figures, name)) for name, info in Figures.model_fields.items()]
    return [(name, f"{figure.value:,g}", words.removesuffix("."), figure.how) for name, words, figure in found]

"""Every metric of the workers, in one table: what is not here is neither counted nor served. docs/metrics.md is made from it.

Base units, timestamps instead of ages (an age that is told by a process which hangs stands still), labels from closed lists: words
of this program, topics, partitions, and names from site.yaml. Nothing of a record is ever a label.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

PLACE: Final = ("place",)
JOIN: Final = ("join",)
DELIVER: Final = ("deliver",)
BOTH_WRITERS: Final = ("join", "deliver")
ALL: Final = ("place", "join", "deliver")

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Bounds of what takes moments."""
HOURS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14_400.0, 86_400.0)
"""Bounds of what may take a day."""
SIZES: Final = (1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0)
"""Bounds of numbers of records."""


class Kind(StrEnum):
    """COUNTER: only rises, from 0 at the worker's start. GAUGE: as it is now. HISTOGRAM: how often how much."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """One metric."""

    name: str
    """As it is served."""
    kind: Kind
    """What its values are."""
    unit: str
    """Of its values, for people; in the name where Prometheus wants it there."""
    labels: tuple[str, ...]
    """Besides `stage`, which all have."""
    stages: tuple[str, ...]
    """Whose workers serve it."""
    help: str
    """What it tells."""
    outcome: str = ""
    """Name under which `Outcomes` counts or observes it; `""` where it is looked at once a second."""
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram's."""


_C, _G, _H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_LANE: Final = ("topic", "partition")
_TS: Final = "unix seconds"

METRICS: Final[tuple[Metric, ...]] = (
    # Of every stage: what its lanes do
    Metric("cdc_transactions_total", _C, "", (), ALL, "transactions committed", "transaction"),
    Metric("cdc_transaction_seconds", _H, "seconds", (), ALL, "how long transactions took to commit", "commit_s", SECONDS),
    Metric(
        "cdc_transactions_read_back_total", _C, "", (), ALL, "slow transactions that were read back before going on", "read_back"
    ),
    Metric("cdc_records_repeated_total", _C, "", (), ALL, "records that came again and were dropped by their number", "repeated"),
    Metric("cdc_ticks_total", _C, "", (), ("place", "join"), "ticks sent for rows that wait", "ticked"),
    Metric(
        "cdc_lag_records",
        _G,
        "records",
        _LANE,
        ALL,
        "input that was written for a lane and has no outcome that is committed: by its numbers (offsets count the marks of "
        "transactions), as the brokers said it up to 5 s ago",
    ),
    Metric(
        "cdc_oldest_unfinished_record_timestamp_seconds",
        _G,
        _TS,
        _LANE,
        ALL,
        "time of the oldest record in a lane's hand: of place and join when capture wrote it, of deliver its commit; "
        "no sample where nothing is unfinished, so that quiet nights raise no alarm",
    ),
    Metric("cdc_lane_held", _G, "", _LANE, ALL, "1 where a lane waits for a person or for the platform, 0 where it works"),
    Metric("cdc_paused", _G, "", ("of", "name"), ALL, "1 while a person pauses it: of a stage, source, institution or service"),
    Metric("cdc_paused_since_timestamp_seconds", _G, _TS, ("of", "name"), ALL, "since when it is; no sample where it is not"),
    Metric("cdc_assigned_partitions", _G, "", (), ALL, "partitions that this worker is assigned"),
    Metric("cdc_restored_partitions", _G, "", (), ALL, "of these, how many have read their state and work"),
    Metric("cdc_rebalances_total", _C, "", (), ALL, "how often partitions were assigned anew"),
    Metric("cdc_broker_reachable", _G, "", (), ALL, "1 while any broker answers, else 0"),
    Metric("cdc_brokers_lost", _G, "", (), ALL, "brokers that do not answer"),
    # Place
    Metric("cdc_rows_placed_total", _C, "", ("outcome",), PLACE, "rows and ticks that were handed on, by outcome", "placed"),
    Metric(
        "cdc_source_lag_seconds",
        _G,
        "seconds",
        ("source",),
        PLACE,
        "from the commit in the database to the message in Kafka, of the row that was placed last; clocks that differ are in it",
    ),
    Metric("cdc_source_last_commit_timestamp_seconds", _G, _TS, ("source",), PLACE, "commit time of the row that was placed last"),
    Metric("cdc_source_stopped", _G, "", ("source",), PLACE, "1 where the rows of a source are not placed until `yibao resume`"),
    Metric(
        "cdc_catalogue_drifts", _G, "", ("source",), PLACE, "in how much a database differs from what its capture was applied to"
    ),
    Metric("cdc_source_looked_timestamp_seconds", _G, _TS, ("source",), PLACE, "when a source's database was last looked at"),
    Metric(
        "cdc_slot_retained_bytes", _G, "bytes", ("source",), PLACE, "log that the database keeps for a source's replication slot"
    ),
    Metric(
        "cdc_slot_safe_bytes",
        _G,
        "bytes",
        ("source",),
        PLACE,
        "so much more may be written before the slot loses its place (`max_slot_wal_keep_size`); no sample where nothing limits it",
    ),
    Metric("cdc_slot_active", _G, "", ("source",), PLACE, "1 while somebody reads with a source's replication slot, else 0"),
    Metric(
        "cdc_capture_state",
        _G,
        "",
        ("source", "state"),
        PLACE,
        "1 with the state of a source's connector: running, paused, stopped, failed, unassigned, restarting, other, absent",
    ),
    Metric("cdc_capture_task_state", _G, "", ("source", "task", "state"), PLACE, "the same of each of its tasks"),
    Metric("cdc_capture_asked_timestamp_seconds", _G, _TS, ("source",), PLACE, "when Kafka Connect last answered about a source"),
    Metric(
        "cdc_capture_heartbeat_timestamp_seconds", _G, _TS, ("source",), PLACE, "time of the last heartbeat of a source's capture"
    ),
    # Join
    Metric("cdc_changes_folded_total", _C, "", (), JOIN, "input of the join that is committed", "folded"),
    Metric("cdc_fold_outcomes_total", _C, "", ("outcome",), JOIN, "what the join decided, by outcome", "fold"),
    Metric(
        "cdc_record_warnings_total",
        _C,
        "",
        ("rule", "field"),
        JOIN,
        "what records that were handed on were warned of, by rule and field: DICTIONARY are codes that no list has",
        "warned",
    ),
    Metric("cdc_records_emitted_total", _C, "", (), JOIN, "records handed to the deliver stage", "emitted"),
    Metric("cdc_lookup_changes_total", _C, "", (), JOIN, "changes of lookup rows taken in", "lookup"),
    Metric(
        "cdc_join_waiting_rows",
        _G,
        "rows",
        ("part",),
        JOIN,
        "rows that wait, by what they miss: visit, settlement, unsettled, lookup …; counted in rounds, the last whole one",
    ),
    Metric("cdc_join_oldest_wait_timestamp_seconds", _G, _TS, ("part",), JOIN, "since when the oldest of them waits"),
    Metric("cdc_join_waits_counted_timestamp_seconds", _G, _TS, (), JOIN, "when the last round of that count ended"),
    # Join and deliver
    Metric(
        "cdc_dead_letters_total",
        _C,
        "",
        ("class", "owner"),
        BOTH_WRITERS,
        "dead letters written, by class and by whose they are to mend: clerk, it, vendor, platform",
        "dead_letter",
    ),
    Metric(
        "cdc_dead_letters_closed_total",
        _C,
        "",
        ("by",),
        BOTH_WRITERS,
        "dead letters that closed by themselves, by why",
        "letter_closed",
    ),
    # Deliver
    Metric("cdc_records_accepted_total", _C, "", ("service",), DELIVER, "records that the platform accepted", "accepted"),
    Metric(
        "cdc_freshness_seconds",
        _H,
        "seconds",
        ("service",),
        DELIVER,
        "from the commit in the database to the answer that accepted a record",
        "fresh_s",
        HOURS,
    ),
    Metric("cdc_batches_accepted_total", _C, "", (), DELIVER, "batches that the platform accepted", "batch_accepted"),
    Metric(
        "cdc_batches_refused_total",
        _C,
        "",
        (),
        DELIVER,
        "batches that the platform refused, before and after halving",
        "batch_refused",
    ),
    Metric("cdc_batch_records", _H, "records", (), DELIVER, "records of a batch that was accepted", "batch_size", SIZES),
    Metric(
        "cdc_sealing_seconds", _H, "seconds", (), DELIVER, "from when a batch wants to be sealed until it is", "sealing_s", SECONDS
    ),
    Metric(
        "cdc_platform_answers_total",
        _C,
        "",
        ("verdict", "code"),
        DELIVER,
        "requests that were sent, by what their answer meant, and its code: one of the interface or of `platform.answers`, "
        "`other` for any else, `none` where none came",
        "answered",
    ),
    Metric("cdc_platform_request_seconds", _H, "seconds", (), DELIVER, "how long answers took", "request_s", SECONDS),
    Metric("cdc_platform_last_accepted_timestamp_seconds", _G, _TS, (), DELIVER, "when the platform last accepted a batch"),
    Metric("cdc_platform_breaker_state", _G, "", ("state",), DELIVER, "1 with the breaker's state: closed, open, half_open"),
    Metric(
        "cdc_posts_retried_total", _C, "", ("cause",), DELIVER, "tries whose outcome is unknown and that are repeated", "retried"
    ),
    Metric("cdc_posts_throttled_total", _C, "", (), DELIVER, "tries that the platform asked to repeat later", "throttled"),
    Metric(
        "cdc_posts_held_total", _C, "", ("cause",), DELIVER, "tries while our or the platform's configuration is at fault", "held"
    ),
    Metric(
        "cdc_maintenance",
        _G,
        "",
        ("phase",),
        DELIVER,
        "1 in a maintenance window of the platform (`inside`), and for `maintenance.drain_s` after it (`after`)",
    ),
    Metric(
        "cdc_institution_held", _G, "", ("institution", "cause"), DELIVER, "1 while nothing of an institution is taken, with why"
    ),
    Metric(
        "cdc_institution_aside_records",
        _G,
        "records",
        ("institution",),
        DELIVER,
        "records of an institution that is set aside, or paused",
    ),
    Metric(
        "cdc_institution_aside_since_timestamp_seconds",
        _G,
        _TS,
        ("institution",),
        DELIVER,
        "since when it is set aside for a fault",
    ),
    Metric(
        "cdc_institution_aside_changes_total", _C, "", ("change",), DELIVER, "institutions set aside, and let in again", "aside"
    ),
    Metric(
        "cdc_orphans_waiting_records", _G, "records", (), DELIVER, "records that wait for a visit or settlement that was refused"
    ),
    Metric(
        "cdc_orphan_outcomes_total", _C, "", ("outcome",), DELIVER, "what became of such records, and of their parents", "orphan"
    ),
    Metric("cdc_plans_total", _C, "", (), DELIVER, "plans finished", "plan"),
    Metric("cdc_plans_restored_total", _C, "", (), DELIVER, "plans taken over from an earlier owner", "plan_restored"),
    Metric(
        "cdc_plans_withdrawn_total", _C, "", (), DELIVER, "plans withdrawn, because their records were made anew", "plan_withdrawn"
    ),
    Metric("cdc_leases_renewed_total", _C, "", (), DELIVER, "ownerships confirmed before a late POST", "lease_renewed"),
    Metric(
        "cdc_institution_key_changed_timestamp_seconds", _G, _TS, ("institution",), DELIVER, "when the file of its key was changed"
    ),
    # The process
    Metric(
        "cdc_certificate_expiry_timestamp_seconds",
        _G,
        _TS,
        ("name",),
        ALL,
        "when the first certificate of a file of site.yaml ends",
    ),
    Metric("cdc_event_loop_lag_seconds", _G, "seconds", (), ALL, "how late the event loop came to its work, at most in 15 s"),
    Metric("cdc_looked_timestamp_seconds", _G, _TS, (), ALL, "when the gauges here were last looked at"),
    Metric("cdc_conditions", _G, "", ("kind", "reason"), ALL, "what `/health` tells: how many of each reason there are now"),
    Metric("cdc_build_info", _G, "", ("version", "python"), ALL, "1, with the version that runs"),
)

BY_NAME: Final[Mapping[str, Metric]] = {one.name: one for one in METRICS}
BY_OUTCOME: Final[Mapping[str, Metric]] = {one.outcome: one for one in METRICS if one.outcome}

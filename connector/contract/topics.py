"""The names of all topics, connectors and consumer groups of a site."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """The one place where topic names are spelled. `prefix` separates sites that share a broker."""

    prefix: str = ""

    def rows(self, source: str) -> str:
        """Rows of one source as captured, in the order of its log, and ticks: messages that say what time it is. One partition."""
        return f"{self.prefix}rows.{source}"

    @property
    def changes(self) -> str:
        """The same rows in the partitions of their visits, numbered by source and partition, and ticks."""
        return f"{self.prefix}visit.changes"

    @property
    def state(self) -> str:
        """The join's state changes, compacted."""
        return f"{self.prefix}visit.state"

    def place_state(self, source: str) -> str:
        """The place stage's state changes of one source: headers and what hangs under them; compacted. One partition."""
        return f"{self.prefix}place.state.{source}"

    @property
    def ready(self) -> str:
        """Interface records to deliver, numbered without a gap per partition."""
        return f"{self.prefix}visit.ready"

    @property
    def receipts(self) -> str:
        """One record per accepted batch."""
        return f"{self.prefix}visit.receipts"

    @property
    def orphans(self) -> str:
        """Visits and settlements that the platform refused, and what waits for them; compacted. Of the deliver stage alone."""
        return f"{self.prefix}visit.orphans"

    @property
    def dead(self) -> str:
        """What was refused, with everything a replay needs."""
        return f"{self.prefix}visit.dead"

    @property
    def control(self) -> str:
        """By source, what its capture was applied against, and whether its rows may be placed."""
        return f"{self.prefix}visit.control"

    @property
    def binding(self) -> str:
        """Whose these topics are: written by `topics apply` alone, read by whoever is about to use them."""
        return f"{self.prefix}site.binding"

    @property
    def audit(self) -> str:
        """Who ordered what, when and why; each entry chained to the one before."""
        return f"{self.prefix}visit.audit"

    def lookup(self, name: str) -> str:
        """Rows of one lookup table, compacted by its key."""
        return f"{self.prefix}lookup.{name}"

    @property
    def signals(self) -> str:
        """Orders to the connectors, such as snapshots on demand."""
        return f"{self.prefix}capture.signals"

    @property
    def notifications(self) -> str:
        """What the connectors say about their snapshots."""
        return f"{self.prefix}capture.notifications"

    @property
    def heartbeat_prefix(self) -> str:
        """What Debezium puts before `.<source>` to name a source's heartbeat topic."""
        return f"{self.prefix}capture.heartbeat"

    def heartbeat(self, source: str) -> str:
        """One record every few seconds from a source whose capture is alive."""
        return f"{self.heartbeat_prefix}.{source}"

    def schema_history(self, source: str) -> str:
        """What the tables of a source looked like, statement by statement; of kinds of databases whose log does not say it. It is
        the connector's own: without it, capture does not go on.
        """
        return f"{self.prefix}capture.history.{source}"

    def connector(self, source: str) -> str:
        """The name of a source's connector in Kafka Connect."""
        return f"{self.prefix}capture-{source}"

    def signal_group(self, source: str) -> str:
        """The consumer group by which a source's connector notes how far it has read orders."""
        return f"{self.connector(source)}-signals"

    def group(self, stage: str) -> str:
        """The consumer group of a stage (`place`, `join`, `deliver`)."""
        return f"{self.prefix}yibao-{stage}"

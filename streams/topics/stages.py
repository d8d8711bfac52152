"""The stages of the data plane: what each reads and writes. The one table of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from connector.contract import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage. Everything that it writes for one chunk of its input is one transaction."""

    name: str
    """One of the product's words: `join`, `deliver`."""
    group: str
    """Its consumer group."""
    reads: str
    """Its input, read partition by partition in order."""
    also_reads: tuple[str, ...] = ()
    """Compacted topics that every worker reads whole."""
    writes: tuple[str, ...]
    """Topics that no other stage writes: what stands in them shows how far it went."""
    also_writes: tuple[str, ...] = ()
    """Topics that it shares with other stages."""

    @property
    def partitioned(self) -> tuple[str, ...]:
        """The topics whose partitions correspond: a visit has the same one in all of them."""
        return (self.reads, *self.writes, *self.also_writes)


def stages(topics: Topics, lookups: Iterable[str] = ()) -> tuple[Stage, ...]:
    """The stages of a site, in the order of the data. lookups: names of its lookup tables."""
    return (
        Stage(
            name="join",
            group=topics.group("join"),
            reads=topics.changes,
            also_reads=tuple(map(topics.lookup, lookups)),
            writes=(topics.state, topics.ready),
            also_writes=(topics.dead,),
        ),
        Stage(
            name="deliver",
            group=topics.group("deliver"),
            reads=topics.ready,
            writes=(topics.receipts,),
            also_writes=(topics.dead,),
        ),
    )

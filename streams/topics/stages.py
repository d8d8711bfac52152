"""The stages of the data plane: what each reads and writes. The one table of them."""

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
    writes: tuple[str, ...]
    """Topics that no other stage writes: what stands in them shows how far it went."""
    also_writes: tuple[str, ...] = ()
    """Topics that it shares with other stages."""

    @property
    def partitioned(self) -> tuple[str, ...]:
        """The topics whose partitions correspond: a visit has the same one in all of them."""
        return (self.reads, *self.writes, *self.also_writes)


def stages(topics: Topics) -> tuple[Stage, ...]:
    """The stages of a site, in the order of the data."""
    return (
        Stage(
            name="join",
            group=topics.group("join"),
            reads=topics.changes,
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

"""The stages of the data plane: what each reads and writes. The one table of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from connector.contract import Topics


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage, or the place stage of one source. Everything that it writes for one chunk of its input is one transaction."""

    name: str
    """One of the product's words: `place`, `join`, `deliver`."""
    group: str
    """Its consumer group."""
    reads: str
    """Its input, read partition by partition in order."""
    width: int | None = None
    """How many partitions its input has; None: as many as the site's topics (`kafka.partitions`)."""
    writes: tuple[str, ...]
    """Topics that no other stage writes: what stands in them shows how far it went."""
    also_writes: tuple[str, ...] = ()
    """Topics that it shares with other stages."""

    @property
    def partitioned(self) -> tuple[str, ...]:
        """The topics whose partitions correspond: a visit has the same one in all of them."""
        return (*((self.reads, *self.writes) if self.width is None else ()), *self.also_writes)

    def numbers(self, partitions: int) -> range:
        """The partitions of its input. partitions: of the site."""
        return range(partitions if self.width is None else self.width)


def stages(topics: Topics, sources: Iterable[str]) -> tuple[Stage, ...]:
    """The stages of a site, in the order of the data. sources: their names."""
    return (
        *(
            Stage(
                name="place",
                group=topics.group("place"),
                reads=topics.rows(source),
                width=1,
                writes=(topics.place_state(source),),
                also_writes=(topics.changes,),
            )
            for source in sources
        ),
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
            writes=(topics.receipts, topics.orphans),
            also_writes=(topics.dead,),
        ),
    )

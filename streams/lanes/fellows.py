"""Whether the workers of a stage work by one mapping. Two that do not would make the records of their partitions each by its own,
and what is corrected or withdrawn would depend on who has the partition.

Each worker says in the name by which the brokers know it what its mapping is, and since when it works. Nothing else is needed: the
members of a group are known to the brokers, and one that died is none after its session. A worker that begins waits until nobody
works by another mapping, so that workers may be replaced one by one; where two begin at the same time, the later one ends. Nobody
who is at work is ever disturbed by one that comes.
"""

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog
from aiokafka.errors import BrokerResponseError, KafkaError

from streams.errors import Fatal, Unreachable
from streams.lanes.buffer import Clock
from streams.lanes.exits import Exit
from streams.lanes.topic_check import told as brokers_told

log = structlog.get_logger()

Members: TypeAlias = Callable[[], Awaitable[Iterable[tuple[str, str]]]]
"""Name and host of each member of the group now. Raises what a client of Kafka raises while no broker answers."""

_NAME: Final = re.compile(r".*\.m([0-9a-f]{8})\.t([0-9a-f]+)", re.DOTALL)
_AWAY: Final = (KafkaError, OSError, AssertionError, LookupError)
_LOOK_S: Final = 2.0
_TOLD_AGAIN_S: Final = 60.0
_ASKED_AGAIN_S: Final = 0.5
_ASKED_WITHIN_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fellow:
    """A worker of a stage."""

    name: str
    """Stage and index, as a person knows it."""
    mapping: str
    """Eight characters that stand for its mapping, hexadecimal."""
    since_ms: int
    """When it began, in milliseconds since the epoch."""
    host: str = ""
    """As the brokers see it."""

    @property
    def client_id(self) -> str:
        """By which the brokers know it."""
        return f"{self.name}.m{self.mapping}.t{self.since_ms:x}"

    def __str__(self) -> str:
        """As a person finds it."""
        return f"{self.name} at {self.host} with mapping {self.mapping}"


def fellow_of(client_id: str, host: str) -> Fellow | None:
    """The worker behind a member's name; None for one that says nothing of its mapping, as those of earlier versions."""
    if (said := _NAME.fullmatch(client_id)) is None:
        return None
    return Fellow(name=client_id[: said.start(1) - 2], mapping=said[1], since_ms=int(said[2], 16), host=host.lstrip("/"))


def differing(fellows: Iterable[Fellow], me: Fellow) -> list[Fellow]:
    """Those that work by another mapping."""
    return [one for one in fellows if one.mapping != me.mapping]


def yields(fellows: Sequence[Fellow], me: Fellow) -> bool:
    """Whether this worker is to end because of others: the mapping of the one that began first counts, the same for everybody."""
    return min((me, *fellows), key=lambda one: (one.since_ms, one.mapping)).mapping != me.mapping


class Fellowship:
    """One worker among those of its stage.

    members: see `Members`. group: the stage's, and servers the brokers' addresses, for people.
    """

    def __init__(self, me: Fellow, members: Members, *, group: str, servers: str, clock: Clock) -> None:
        self.me = me
        self._members = members
        self._group = group
        self._servers = servers
        self._clock = clock
        self._seen: int | None = None
        self._asking = asyncio.Lock()

    async def wait(self, *, patient: bool, standing_by: Callable[[str], None] = lambda _others: None) -> None:
        """Before this worker joins its group: return when nobody works by another mapping. patient: wait for brokers that do not
        answer, instead of raising Unreachable. standing_by: is told for whom it waits, and `""` in the end.
        """
        within_s = math.inf if patient else _ASKED_WITHIN_S
        began = told_at = self._clock()
        told = False
        while others := differing(await brokers_told(self._fellows(within_s), self._servers), self.me):
            standing_by("; ".join(f"{one}" for one in others))
            if not told or self._clock() - told_at >= _TOLD_AGAIN_S:
                told, told_at = True, self._clock()
                log.warning(
                    "mapping_awaited",
                    group=self._group,
                    mapping=self.me.mapping,
                    others=[f"{one}" for one in others],
                    waited_s=round(self._clock() - began),
                    remedy=_REMEDY,
                )
            await asyncio.sleep(_LOOK_S)
        standing_by("")

    async def demand(self, generation: int) -> None:
        """Before a lane of this generation of the group takes a record: raise Fatal where one that began earlier works by another
        mapping. Whoever joins later makes a new generation.
        """
        async with self._asking:
            if self._seen == generation:
                return
            fellows = await self._fellows(math.inf)  # a lane waits for brokers; whoever calls their roll tells that they are away
            if yields(fellows, self.me):
                others = "; ".join(f"{one}" for one in differing(fellows, self.me))
                raise Fatal(
                    f"the mapping here is {self.me.mapping}, and others of {self._group} work by another one: {others}. {_REMEDY}",
                    exit_code=Exit.OTHER_MAPPING,
                )
            self._seen = generation

    async def _fellows(self, within_s: float) -> list[Fellow]:
        """All that say what they work by. Raises Unreachable where no broker tells for so long, or one refuses to."""
        until = self._clock() + within_s
        while True:
            try:
                found = await self._members()
            except _AWAY as exc:
                refused = isinstance(exc, BrokerResponseError) and not exc.retriable
                if refused or self._clock() >= until:
                    raise Unreachable(
                        f"the brokers do not say who works in {self._group} ({type(exc).__name__}): try again"
                    ) from exc
                await asyncio.sleep(_ASKED_AGAIN_S)
            else:
                return [one for name, host in found if (one := fellow_of(name, host)) is not None]


_REMEDY: Final = (
    "One mapping at a time: stop all workers of the stage, `yibao connector apply`, start them with the new site. Where they are "
    "replaced one by one, those that come wait by themselves for those that go"
)

"""A deliver lane that stands: until its worker is restarted with another setting, or what it stands for was made anew."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn, Protocol

from streams.domain.records import ReadyRecord
from streams.lanes.buffer import Clock
from streams.lanes.deliver.around_posts import AroundPosts
from streams.lanes.deliver.aside_changes import Stands
from streams.lanes.deliver.held_cause import FLOOD_GUARD
from streams.lanes.deliver.holding import Behind, Hold
from streams.lanes.deliver.plan import Plan
from streams.lanes.deliver.renewed import LOOK_S, Renewal, Renewed
from streams.lanes.marks import DeliverMark
from streams.lanes.settings import DeliverSettings


class Lane(Protocol):
    """The lane that stands."""

    @property
    def mark(self) -> DeliverMark:
        """What the last transaction said."""

    @property
    def in_hand(self) -> int:
        """How many records were read whose outcome is not committed."""

    @property
    def first(self) -> tuple[int, int]:
        """Number and offset of the first record that may wait."""

    def records_of(self, plan: Plan) -> Sequence[ReadyRecord]:
        """The records of the plan under way that are in hand."""

    async def save_mark(self, mark: DeliverMark) -> None:
        """Commit another mark, and nothing else."""


class Standing:
    """Stands for one lane."""

    hold: Hold
    """Tells of it."""

    def __init__(self, lane: Lane, posts: AroundPosts, renewed: Renewed, settings: DeliverSettings, *, clock: Clock) -> None:
        self._lane = lane
        self._posts = posts
        self._renewed = renewed
        self._settings = settings
        self._clock = clock

    async def stand(self, why: str, *, remedy: str, cause: str) -> NoReturn:
        """Hold the lane. It says so again and again, and posts and commits nothing but the cause, and that nothing is in doubt. An
        institution that is aside stands alone. Raises Renewal where it stands for the flood guard, and some of its plan was made
        anew meanwhile.
        """
        mark = self._posts.standing(cause)
        if self._posts.of_aside:
            await self._lane.save_mark(mark)
            raise Stands(why, remedy, cause)
        await self._lane.save_mark(replace(mark, why=cause))
        while True:
            self.hold.stand(why, remedy=remedy)
            until = self._clock() + self._settings.alarm_every_s
            while (left_s := until - self._clock()) > 0:
                await asyncio.sleep(min(left_s, LOOK_S))
                if cause == FLOOD_GUARD and await self._is_renewed():
                    self.hold.release()
                    raise Renewal

    async def _is_renewed(self) -> bool:
        plan, news = self._lane.mark.plan, await self._renewed.look(*self._lane.first, at_once=True)
        return news and plan is not None and bool(self._renewed.needless(self._lane.records_of(plan)))

    def behind(self) -> Behind:
        """What waits for the plan under way."""
        lane = self._lane
        plan = lane.mark.plan
        if plan is None:
            return Behind(in_hand=lane.in_hand)
        records = lane.records_of(plan)
        return Behind(
            in_hand=lane.in_hand,
            plan=plan.id,
            of_plan=plan.size,
            institutions=tuple(sorted({record.institution for record in records})),
            oldest_at=min((record.committed_at for record in records), default=None),
        )

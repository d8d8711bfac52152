"""What a deliver lane does about what a person paused: no plan is opened of it, and what is under way is finished first.

An institution that is paused is set aside before its next record: the others go on, and it catches up when it is resumed. A service
that is paused holds, of each institution, its next record and all that comes behind it, because later records may belong to it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Final

from streams.domain.records import ReadyRecord
from streams.lanes.deliver.aside import MOST_BYTES, Aside, bytes_of
from streams.lanes.deliver.held_cause import PAUSED
from streams.lanes.deliver.orphans import Orphans
from streams.lanes.steering import Steering

_LARGE: Final = 10**12
"""As long as a number or offset is written, where none is known."""


class Pausing:
    """For one lane. wall_ms: milliseconds since the epoch."""

    def __init__(self, steering: Steering, orphans: Orphans, *, wall_ms: Callable[[], int]) -> None:
        self._steering = steering
        self._orphans = orphans
        self._wall_ms = wall_ms

    def is_paused(self, institution: str) -> bool:
        """Whether a person paused all records of this institution."""
        return self._steering.institution(institution) is not None

    def holds(self, institution: str, entry: Aside) -> bool:
        """Whether nothing is done for an institution that is aside. What may have been posted of its plan is finished."""
        in_doubt = entry.plan is not None and not entry.plan.quiet
        return not in_doubt and (self._steering.stage is not None or self.is_paused(institution))

    def before(self, records: Sequence[ReadyRecord]) -> Sequence[ReadyRecord]:
        """Those before the first of a service that is paused."""
        services = self._steering.services
        return records if not services else list(takewhile(lambda record: record.service not in services, records))

    def aside(
        self, aside: Mapping[str, Aside], records: Sequence[ReadyRecord], *, seq: int, offset: int, rows: Mapping[str, int]
    ) -> Mapping[str, Aside]:
        """What is aside when the next plan begins with these records: also whose records may not be in it. seq, offset: of the
        first of them. rows: by institution, its records refused in a row.
        """
        held = self._held_of(records)
        found = dict(aside)
        for name in [name for name, entry in aside.items() if entry.plan is None and self.is_paused(name)]:
            found[name] = replace(aside[name], cause=PAUSED)
        for name in sorted(held - aside.keys()):
            now, row = self._wall_ms() // 1000, rows.get(name, 0)
            found[name] = Aside(number=seq, offset=offset, since=now, refused_in_a_row=row, cause=PAUSED)
        return found

    def blocks(self, aside: Mapping[str, Aside], records: Sequence[ReadyRecord]) -> bool:
        """Whether no plan is opened: the stage is paused, or the mark has no room for all that is to be set aside."""
        if self._steering.stage is not None:
            return True
        if not self._held_of(records) - aside.keys():
            return False
        last = records[-1] if records else None
        seq, offset = (last.number, last.offset) if last is not None else (_LARGE, _LARGE)
        return bytes_of(self.aside(aside, records, seq=seq, offset=offset, rows={})) > MOST_BYTES

    def _held_of(self, records: Sequence[ReadyRecord]) -> set[str]:
        """The institutions of which something may not be posted now, of these records or of those that waited for a parent."""
        if not self._steering.orders.pauses:
            return set()
        services, waited = self._steering.services, self._orphans.all_free
        names = {record.institution for record in (*records, *waited) if record.service in services}
        return names | {name for name in {record.institution for record in (*records, *waited)} if self.is_paused(name)}

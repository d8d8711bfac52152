"""The deliver lane's world in which what waits is made anew, after a mapping that was bad."""

from dataclasses import dataclass, replace

from streams.domain.ready import RECALL
from streams.domain.replay import ANEW
from streams.lanes.marks import JoinMark, deliver_mark
from streams.lanes.ports import Committed, TopicPartition
from tests.unit.streams.lanes.deliver.deliver_worker import GROUP, READY, TOPICS
from tests.unit.streams.lanes.deliver.orphan_world import Kin, KinPlatform, OrphanWorld
from tests.unit.streams.lanes.stepped import current


@dataclass(frozen=True, kw_only=True)
class Version(Kin):
    """A version of a record, or the word that an order led to."""

    anew: bool = False
    """Made because a person ordered it."""
    stays: int = 0
    """Of a word: the number of the version that is right; 0 for none."""


class RenewedPlatform(KinPlatform):
    """Its recalls are those without a word: those of rows that are gone."""


class RenewedWorld(OrphanWorld):
    """What an order leads to stands behind what waits, and is in force when all of it was ordered."""

    def __init__(self, platform_of):
        self.anew = 0
        super().__init__(platform_of)

    def renew(self, key, *, fares):
        """The order for one record is answered. fares: whether it passes, is the same as its last version, or fails."""
        last = max((number for number, kin in self.things.items() if kin.key == key and not kin.recall), default=0)
        if not last or key not in self.reported:
            return
        of = self.things[last]
        version = Version(service=of.service, visit=of.visit, branch=of.branch, line=of.line, anew=True)
        failed = any(kin.key == key and _is_word(kin) and not kin.stays for number, kin in self.things.items() if number > last)
        if fares == "passes" or (fares == "same" and failed):  # after a letter nobody knows what the platform has
            self.produce(version)
        else:
            self.produce(replace(version, recall=True, stays=last if fares == "same" else 0))

    def in_force(self):
        """All was ordered."""
        self.anew = self.next_number
        self._say_what_the_join_wrote()

    def _say_what_the_join_wrote(self):
        said = JoinMark(seq=self.next_number, anew=self.anew).text()
        at = TOPICS.group("join"), TopicPartition(TOPICS.changes, 0)
        self.log.committed_offsets[at] = Committed(offset=0, metadata=said)

    def is_made_anew(self, number):
        """Whether what is in force makes a version needless."""
        of, found = self.things[number], False
        for other in sorted(self.things):
            answer = self.things[other]
            if number < other < self.anew and answer.key == of.key and getattr(answer, "anew", False):
                found = found or not answer.recall if answer.recall and answer.stays == number else True
        return found

    def _content(self, number):
        kin = self.things[number]
        if kin.recall:
            return f"{kin.stays:032}" if getattr(kin, "stays", 0) else ""
        return f"{number:032}"

    def _tail(self, number):
        kin = self.things[number]
        anew = ((ANEW, b"dawn"),) if getattr(kin, "anew", False) else ()
        if kin.recall:
            return (RECALL, *anew)
        return (*super()._tail(number), *anew)

    def _before(self, number):
        return [one for one in super()._before(number) if not _is_word(one)]

    def _look_at_plan(self, mark):
        plan, before = mark.plan, self.mark.plan
        super()._look_at_plan(mark)
        if plan is None or (before is not None and before.id == plan.id) or plan.of_orphans:
            return
        if current().lane._renewed.upto >= self.anew > 0:  # where no broker answered, it may not know yet
            for place, number in enumerate(range(mark.seq, mark.seq + plan.size)):
                if not self.things[number].recall and not self.things[number].large and self.is_made_anew(number):
                    assert plan.left >> place & 1, f"{number} was made anew, and a new plan posts it"

    def look(self):
        mark = deliver_mark(self.log.committed_offsets[GROUP, READY].metadata)
        words = [number for number in range(self.mark.seq, mark.seq) if _is_word(self.things[number])]
        kept = {number: self.things[number] for number in words}
        for number in words:  # they take nothing back of what they say is right
            self.things[number] = replace(kept[number], visit=99)
        try:
            super().look()
        finally:
            self.things.update(kept)


def _is_word(kin):
    return kin.recall and getattr(kin, "anew", False)

"""What was made anew behind what waits in a partition of `visit.ready`, and which versions that makes needless. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from streams.domain.kinship import Identity, identity_of
from streams.domain.ready import RECALL
from streams.domain.records import ReadyRecord
from streams.domain.replay import is_anew


class _Answer(NamedTuple):
    """What is right of a record."""

    made: int = 0
    """Number of the last version that was made anew, or of the word that none is right; 0 for none."""
    said: int = 0
    """Number of the word behind that, which of the versions before it are right; 0 for none."""
    content: str = ""
    """Their content hash."""


class Answers:
    """The answers to orders (`streams.domain.join.renewing`), by record."""

    def __init__(self, known: Mapping[Identity, _Answer] = MappingProxyType({})) -> None:
        self._by_record = dict(known)

    def __bool__(self) -> bool:
        return bool(self._by_record)

    def and_more(self) -> "Answers":
        """Another one that begins with these."""
        return Answers(self._by_record)

    def take(self, record: ReadyRecord) -> bool:
        """Take a record or recall where it is an answer; whether it is one. A copy that was aborted may be seen again."""
        if not is_anew(record.added):
            return False
        before = self._by_record.get(identity_of(record), _Answer())
        if record.number > max(before.made, before.said):
            stays = record.content_hash if RECALL in record.added else ""
            now = before._replace(said=record.number, content=stays) if stays else _Answer(made=record.number)
            self._by_record[identity_of(record)] = now
        return True

    def supersedes(self, record: ReadyRecord) -> bool:
        """Whether a record (no recall) is not to be posted any more."""
        if not self._by_record or (answer := self._by_record.get(identity_of(record))) is None:
            return False
        return record.number < answer.made or (record.number < answer.said and record.content_hash != answer.content)

"""The guide's *Connect's offsets*: Connect has forgotten where it was, while the hospital went on.

Nothing is reported again, nothing is missing, no older version goes, and what was deleted meanwhile is told.
"""

import threading
from pathlib import Path
from typing import Final

from kafka.admin import KafkaAdminClient

from streams.broker_wiring import client_options
from tests.walk.guide import walk_under
from tests.walk.guided import Guided, Say

_HEADING: Final = "Disaster recovery"
_OWN: Final = "connect"
"""How the topics that Connect keeps its memory in begin."""


def prove(folder: Path, say: Say) -> str:
    """The figures. Raises Failed."""
    night = Guided(folder, say)
    try:
        return _walk(night)
    finally:
        night.close()


def _walk(night: Guided) -> str:
    first, *_ = walk_under(_HEADING)
    orders, *_ = walk_under(_HEADING, from_words="**Connect's offsets**")
    last, *_ = walk_under(_HEADING, from_words="Afterwards")
    night.begun()
    lost = _forget(night)
    night.hospital_goes_on()
    night.all_typed(first)
    live = threading.Thread(target=night.hospital_goes_on_further, daemon=True)
    live.start()
    night.all_typed(orders)
    live.join()
    night.all_typed(last)
    night.until(lambda: night.is_empty(night.site), "the topics, run empty")
    return f"{lost} topics of Connect lost while the hospital went on: {night.judged(night.days)}"


def _forget(night: Guided) -> int:
    """Connect comes back without a memory; how many topics it lost."""
    night.stack.stop("connect")
    admin = KafkaAdminClient(**client_options(night.site))
    try:
        own = [topic for topic in admin.list_topics() if topic.startswith(_OWN)]
        admin.delete_topics(own)
    finally:
        admin.close()
    night.stack.start("connect")
    return len(own)

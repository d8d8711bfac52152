"""The guide's *All of Kafka, without a copy*: nothing here remembers what was reported, and the hospital goes on.

What was agreed with the platform comes true: every record that the database has comes once more, once, in its present version;
nothing older, nothing that is gone.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.operations.failed import Failed
from tests.walk.guide import walk_under
from tests.walk.guided import Guided, Say

_HEADING = "Disaster recovery"


def prove(folder: Path, say: Say) -> str:
    """The figures. Raises Failed."""
    night = Guided(folder, say)
    try:
        return _walk(night)
    finally:
        night.close()


def _walk(night: Guided) -> str:
    orders, last = walk_under(_HEADING, from_words="**All of Kafka, without a copy.**")[:2]
    night.begun()
    before = len(night.accepted())
    _lose(night)
    night.hospital_goes_on()
    if len(night.accepted()) != before:
        raise Failed("records were sent without Kafka")
    night.stop("workers")
    night.home_of(None).rename(night.folder / "home-before")
    for line in orders:
        if line == "yibao worker all":
            night.begin_workers("workers")
        else:
            night.typed(line)
    night.days.read_anew()
    night.hospital_goes_on_further()
    night.until_filled(night.site, "yibao_his")
    _let_go(night, last, before)
    return f"Kafka lost after {before} records: {night.sent_anew(before)}"


def _lose(night: Guided) -> None:
    night.stack.kill("kafka")
    shutil.rmtree(night.stack.home / "kafka")
    night.stack.stop("connect")
    night.stack.start("kafka")
    night.stack.start("connect")
    night.say("the broker is lost, and an empty one is there")


def _let_go(night: Guided, last: Sequence[str], before: int) -> None:
    for line in last:
        if len(night.accepted()) != before:
            raise Failed("records were sent while the stage was paused")
        night.typed(line)

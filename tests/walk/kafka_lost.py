"""The guide's *All of Kafka, without a copy*: nothing here remembers what was reported, and the hospital goes on.

What was agreed with the platform comes true: every record that the database has comes once more, once, in its present version;
nothing older, nothing that is gone.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.operations.failed import Failed
from tests.walk.guide import walk_under
from tests.walk.guided import RATE, VISITS, Guided, Say, demand_present

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
    night.days.after(rate=RATE)
    if len(night.accepted()) != before:
        raise Failed("records were sent without Kafka")
    night.stop("workers")
    night.home_of(None).rename(night.folder / "home-before")
    for line in orders:
        if line == "yibao worker all":
            night.begin_workers("workers")
        else:
            night.typed(line, codes=(0, 1) if line == "yibao connector plan" else (0,))
    night.days.more(first=10 * VISITS, visits=6, rate=RATE)
    night.until(lambda: _is_read(night), "all rows, read and joined")
    _let_go(night, last, before)
    endings = night.days.endings(night.folder)
    night.until(lambda: night.is_drained(night.days), "all records, after the walk")
    return f"Kafka lost after {before} records: {demand_present(night.accepted()[before:], endings)}"


def _lose(night: Guided) -> None:
    night.stack.kill("kafka")
    shutil.rmtree(night.stack.home / "kafka")
    night.stack.stop("connect")
    night.stack.start("kafka")
    night.stack.start("connect")
    night.say("the broker is lost, and an empty one is there")


def _is_read(night: Guided) -> bool:
    with night.connect() as database:
        (rows,) = database.execute("SELECT count(*) FROM his.sf_fymx").fetchone() or (0,)
    return night.is_empty(night.site, "place", "join") and night.waiting(night.site, "deliver") > rows / 2


def _let_go(night: Guided, last: Sequence[str], before: int) -> None:
    for line in last:
        if len(night.accepted()) != before:
            raise Failed("records were sent while the stage was paused")
        night.typed(line)

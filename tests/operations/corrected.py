"""A service whose corrections go by a person alone, on the real stack: a change of a reported settlement is told and not sent,
through kills of the workers; changed back, it closes its letter; ordered, it goes once, and its acceptance closes the letter.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from sandbox.stack import Stack
from tests.operations.failed import Failed
from tests.operations.plain_night import PlainNight
from tests.replay.days import Days

_VISITS: Final = 8
_KILLS: Final = 2
_WHERE: Final = "  setl_d:\n"
_WORD: Final = "    corrections: dead_letter\n"
_TABLE: Final = "his.sf_jsjl"


def prove(folder: Path, say: Callable[[str], None]) -> str:
    """Raises Failed."""
    stack = Stack(folder / "stack", durable=False)
    night = None
    try:
        night = PlainNight(folder / "night", stack.up(), name="corrected")
        night.folder.mkdir()
        night.ready()
        mapping = night.site_file.with_name("mapping.yaml")
        text = mapping.read_text("utf-8")
        mapping.write_text(text.replace(_WHERE, _WHERE + _WORD, 1), "utf-8")
        for words in (("topics", "apply"), ("connector", "apply")):
            night.yibao(*words)
        night.run_workers("workers")
        Days(night.connect, visits=_VISITS).before()
        return _Office(night, say).works()
    finally:
        if night is not None:
            night.end()
        stack.erase()


class _Office:
    """What a clerk sees and does about one settlement."""

    def __init__(self, night: PlainNight, say: Callable[[str], None]) -> None:
        self._night, self._say = night, say

    def works(self) -> str:
        night = self._night
        night.until(self._is_quiet, "the days of the hospital are reported")
        record, number = self._reported()
        before = len(self._versions(record))
        self._write(number, "1.23")
        night.until(lambda: len(self._letters(record)) == 1, "the change is told")
        (letter,) = self._letters(record)
        rng = random.Random(1)
        for _ in range(_KILLS):
            night.kill_a_worker(rng)
            night.until(self._is_quiet, "the workers go on after a kill")
        self._demand("there is one letter after the kills", holds=[one["id"] for one in self._letters(record)] == [letter["id"]])
        self._demand("nothing was sent", holds=len(self._versions(record)) == before)
        self._write(number, None)
        night.until(lambda: not self._letters(record), "what was changed back closes its letter")
        self._write(number, "4.56")
        night.until(lambda: len(self._letters(record)) == 1, "the next change is told")
        self._say("the office has it sent")
        (letter,) = self._letters(record)
        plan = night.folder / "corrections.plan"
        night.yibao(
            "replay", "plan", f"id:{letter['id']}", "--depth", "renormalise", "--why", "the office checked it", "--out", plan
        )
        night.yibao("replay", "run", plan)
        night.until(lambda: len(self._versions(record)) == before + 1, "it goes")
        night.until(lambda: not self._letters(record), "its acceptance closes the letter")
        night.tried("replay", "run", plan)
        night.until(self._is_quiet, "a second order is carried out")
        self._demand("it went once", holds=len(self._versions(record)) == before + 1)
        return f"a correction told through {night.kills} kills, taken back, told and sent once"

    def _is_quiet(self) -> bool:
        lags, most = self._night.lags(), self._night.site.kafka.partitions
        some = any(one["service"] == "setl_d" for one in self._night.accepted())
        return some and lags is not None and all((waiting or 0) <= most for _, waiting in lags)

    def _reported(self) -> tuple[str, str]:
        """A settlement that the platform has, of which nothing else is told: the record's key, and the row's."""
        told = {one["record_key"] for one in self._night.asked("dlq", "list", "--limit", 100_000)["letters"]}
        keys = [one["key"] for one in self._night.accepted() if one["service"] == "setl_d" and one["key"] not in told]
        with self._night.connect() as conn:
            for key in reversed(keys):
                found = conn.execute(f"SELECT jsdh, qzfje FROM {_TABLE} WHERE yb_jsid = %s", (key,)).fetchone()
                if found is not None:
                    self._former = found[1]
                    return key, found[0]
        raise Failed("the platform has no settlement")

    def _write(self, number: str, amount: str | None) -> None:
        """amount: None: as it was."""
        with self._night.connect() as conn:
            value = self._former if amount is None else amount
            conn.execute(f"UPDATE {_TABLE} SET qzfje = %s WHERE jsdh = %s", (value, number))

    def _letters(self, record: str) -> list[dict[str, Any]]:
        found = self._night.asked("dlq", "list", "class:CORRECTION", "--limit", 100_000)
        return [one for one in found["letters"] if one["record_key"] == record] if found else []

    def _versions(self, record: str) -> list[dict[str, Any]]:
        return [one for one in self._night.accepted() if (one["service"], one["key"]) == ("setl_d", record)]

    def _demand(self, what: str, *, holds: bool) -> None:
        if not holds:
            raise Failed(f"not so: {what}")

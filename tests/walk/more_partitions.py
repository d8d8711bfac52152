"""The guide's *More partitions*: a second set of topics beside the old one, filled while the hospital and the old one work, and the
old one drained.

The platform gets from the new one every record once more, once, in its present version; what the old one had under way is
lost nowhere.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from streams.private_files import write_private
from tests.walk.guide import walk_under
from tests.walk.guided import Guided, Say, untold

_PARTITIONS: Final = 6
_SLOT: Final = "yibao_his_new"
_WORKERS: Final = "yibao worker all -c new.yaml"
_HEADING: Final = "More partitions"


def prove(folder: Path, say: Say) -> str:
    """The figures. Raises Failed."""
    night = Guided(folder, say)
    try:
        return _Moving(night).run()
    finally:
        night.close()


class _Moving:
    def __init__(self, night: Guided) -> None:
        self._night = night
        self._folder = night.site_file.parent

    def run(self) -> str:
        night = self._night
        beside, drained, let_go = walk_under(_HEADING)
        night.begun()
        self._write_files()
        hospital = threading.Thread(target=night.hospital_goes_on, daemon=True)
        hospital.start()
        for line in beside:
            if line == _WORKERS:
                night.begin_workers("new-workers", "-c", "new.yaml", "--home", f"{night.folder / 'home-new'}")
            else:
                night.typed(line)
        hospital.join()
        night.until_filled(self._new, _SLOT)
        old = night.judged(night.days)
        self._drain(drained)
        before = len(night.accepted())
        night.stop("workers")
        night.hospital_goes_on_further()
        night.until_filled(self._new, _SLOT)
        night.all_typed(let_go)
        night.site_file = self._folder / "new.yaml"
        told = night.sent_anew(before)
        gone = self._demand_told(night.days.endings(night.folder))
        self._take_away()
        return f"{_PARTITIONS} partitions for 4: from the old topics {old}, then {told}; {gone} withdrawn"

    def _write_files(self) -> None:
        document: dict[str, Any] = yaml.load(self._night.site_file.read_text("utf-8"), Loader=yaml.BaseLoader)
        write_private(self._folder / "old.yaml", self._night.site_file.read_text("utf-8"))
        document["kafka"] |= {"topic_prefix": "his-new-", "partitions": f"{_PARTITIONS}"}
        document["sources"]["his"] |= {"slot": _SLOT, "publication": "yibao_his_new"}
        document["workers"] = {"home": f"{self._night.folder / 'home-new'}"}
        write_private(self._folder / "new.yaml", yaml.safe_dump(document, allow_unicode=True))
        self._new = self._night.site_of("new.yaml")

    def _drain(self, lines: Sequence[str]) -> None:
        night = self._night
        for line in lines:
            night.typed(line)
            if line == "yibao lag -c old.yaml":
                night.until(lambda: night.is_empty(night.site), "the old topics, drained")

    def _demand_told(self, endings: list[Any]) -> int:
        """What is gone and was reported is told, by the old one or the new one."""
        taken = {(one["service"], one["institution"], one["key"]) for one in self._night.accepted()}
        gone = [one for one in endings if one.outcome == "withdrawn" and one.id in taken]
        sites = [self._night.site_of(name) for name in ("old.yaml", "new.yaml")]
        self._night.until(lambda: not untold(sites[1], untold(sites[0], gone)), f"letters of {len(gone)} withdrawn records")
        return len(gone)

    def _take_away(self) -> None:
        """The last step of the page."""
        self._night.typed("yibao connector delete his -c old.yaml --yes")
        at_rest = "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'yibao_his' AND NOT active"
        with self._night.connect() as database:
            self._night.until(lambda: database.execute(at_rest).fetchone(), "the old slot, at rest")
            database.execute("SELECT pg_drop_replication_slot('yibao_his')")

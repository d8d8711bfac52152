"""The log that databases keep for their captures: how much, and how it is given up where a site says so."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from connector.contract import CaptureSource
from connector.errors import CaptureError
from connector.profiles import profile_of
from streams.errors import YibaoError
from streams.lanes.place.kept_log import ALL, KeptLog, Outlook
from streams.lanes.place.slot_watch import SlotPorts
from streams.mapping import Site, capture_sources
from yibao.audited import audited
from yibao.capture import connect_client, database_password

_GIB: Final = 1 << 30
_TIMES: Final = 5
_EVERY_S: Final = 1.0


def slots_of(site: Site) -> SlotPorts:
    """Asks the databases of a site about the log that they keep, and gives it up."""
    slots = _Slots(site, {source.name: source for source in capture_sources(site)})
    return SlotPorts(kept_of=slots.kept_of, give_up=slots.give_up, gives_up=slots.gives_up)


@dataclass(slots=True)
class _Slots:
    """The slots of one site."""

    site: Site
    sources: Mapping[str, CaptureSource]
    unwritten: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Orders that no broker took into the audit log yet, by source."""

    def kept_of(self, name: str) -> KeptLog | None:
        """What is kept now. Raises CaptureError, YibaoError."""
        self._write(name)
        source = self.sources[name]
        kept = profile_of(source.kind).read_room(source, password=database_password(source)).kept
        if kept is None or kept.status == "lost":
            return None
        bounds = [bound for bound in (kept.most, self._room(name)) if bound is not None]
        return KeptLog(bytes=kept.bytes, room=min(bounds, default=None))

    def gives_up(self, name: str, kept: KeptLog) -> bool:
        """A server that itself keeps less than the site has room for needs no help."""
        room = self._room(name)
        return self.site.sources[name].give_up_slot and room is not None and kept.bytes >= ALL * room

    def give_up(self, name: str, outlook: Outlook) -> bool:
        """Write the order down, stop the capture, so that it does not take the slot again, and drop the slot. Brokers or a Connect
        that are away do not keep the hospital's disk from being saved: it is just then that it fills. Raises CaptureError,
        YibaoError.
        """
        source = self.sources[name]
        kept = outlook.kept
        self.unwritten[name] = {"source": name, "slot": source.slot, "kept_bytes": kept.bytes, "room_bytes": kept.room}
        self._write(name)
        if not self.site.connect.read_only:
            with suppress(CaptureError, YibaoError):
                connect_client(self.site).stop(self.site.topics.connector(name))
        for _ in range(_TIMES):
            if profile_of(source.kind).give_up(source, password=database_password(source)):
                return True
            time.sleep(_EVERY_S)
        return False

    def _room(self, name: str) -> int | None:
        room_gb = self.site.sources[name].log_room_gb
        return None if room_gb is None else int(room_gb * _GIB)

    def _write(self, name: str) -> None:
        """Into the audit log; what no broker takes now is written at the next look."""
        if (facts := self.unwritten.get(name)) is None:
            return
        with suppress(YibaoError):
            audited(self.site, "slot given up", why=f"sources.{name}.give_up_slot in site.yaml", facts=facts)
            del self.unwritten[name]

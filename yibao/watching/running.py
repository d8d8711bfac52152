"""The watch itself: look, decide, tell, write down; again and again."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from streams.errors import Misconfigured
from streams.mapping import Site
from streams.mapping.notifying import Channel
from streams.telemetry.alerts.alert import Alert, Severity
from streams.telemetry.alerts.deciding import decide
from streams.telemetry.alerts.samples import History, Vector
from streams.telemetry.alerts.table import ALERTS, REACH_S
from yibao.watching.channels import NotTold, tell
from yibao.watching.kept import Kept, load, save
from yibao.watching.messages import Told
from yibao.watching.notices import Notice, news

log = structlog.get_logger()

FOLDER: Final = "watch"
"""In `workers.home`."""
_LONGEST_S: Final = 300.0
"""Between two tries of a channel that takes nothing."""


class Watching:
    """One site's watch. channels: who is told, by name. send: takes one message; raises NotTold. alerts: in place of the table."""

    def __init__(
        self,
        site: Site,
        channels: Mapping[str, Channel],
        *,
        now: float,
        send: Callable[[str, Channel, Told], None] = tell,
        alerts: Sequence[Alert] = ALERTS,
    ) -> None:
        self._site = site
        self._channels = channels
        self._send = send
        self._alerts = alerts
        self._since = now
        self.every_s = site.notify.every_s
        """How often it is to look."""
        self._history = History(kept_s=REACH_S)
        self._failures: dict[str, int] = {}
        self._next: dict[str, float] = {}
        self.kept: Kept = load(self.folder, now=now)

    @property
    def folder(self) -> Path:
        """Where it keeps what it knows."""
        return self._site.workers.home / FOLDER

    def take(self, at: float, look: Mapping[str, Vector]) -> None:
        """Take one look: decide, tell, and write down what was told. at: seconds since the epoch."""
        if at <= self.kept.at:  # the clock was set back: what was seen before it says nothing about now
            self._history, self._since = History(kept_s=REACH_S), at
        self._history.add(at, look)
        self.kept.standing = decide(self._alerts, self.kept.standing, self._history, now=at, since=self._since)
        self.kept.at = at
        for name, channel in self._channels.items():
            self._tell(name, channel, at)
        self.kept.told = {name: told for name, told in self.kept.told.items() if name in self._channels}
        save(self.folder, self.kept)

    def _tell(self, name: str, channel: Channel, now: float) -> None:
        repeat_s, least = self._site.notify.repeat_s, Severity(channel.severity)
        notice, after = news(self.kept.standing, self.kept.told.get(name, {}), now=now, least=least, repeat_s=repeat_s)
        if not notice:
            self.kept.told[name] = after
            return
        if now < self._next.get(name, 0.0):
            return
        try:
            self._send(name, channel, self._told(notice, now))
        except (NotTold, Misconfigured) as error:
            times = self._failures[name] = self._failures.get(name, 0) + 1
            self._next[name] = now + min(self.every_s * 2.0 ** min(times, 16), _LONGEST_S)
            log.error("notice_failed", channel=name, error=f"{error}", times=times)  # noqa: TRY400 - no trace: it holds addresses
            return
        self.kept.told[name] = after
        if self._failures.pop(name, 0):
            self._next.pop(name, None)
        log.info("notice_delivered", channel=name, fires=len(notice.fires), over=len(notice.over))

    def _told(self, notice: Notice, now: float) -> Told:
        return Told(site=self._site.site, notice=notice, zone=ZoneInfo(self._site.timezone), now=now)


def run(watching: Watching, look: Callable[[], tuple[float, Mapping[str, Vector]]]) -> None:
    """Look until it is interrupted."""
    while True:
        began = time.monotonic()
        watching.take(*look())
        time.sleep(max(0.1, watching.every_s - (time.monotonic() - began)))

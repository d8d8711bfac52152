"""What is told to people: which alerts are news for a channel, and how a message reads. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Final

from streams.telemetry.alerts.alert import Alert, Severity, filled
from streams.telemetry.alerts.deciding import Key, Standing
from streams.telemetry.alerts.expressions import Select
from streams.telemetry.alerts.table import ALERTS

BY_NAME: Final[Mapping[str, Alert]] = {alert.name: alert for alert in ALERTS}
TRIAL: Final = Alert(
    name="YibaoTest",
    when=Select(""),
    for_s=0.0,
    severity=Severity.WARNING,
    summary="a test of this channel, by yibao watch --test: nothing is wrong",
    zh="这是一条测试消息，系统没有异常",
    remedy="nothing; its recovery comes at once",
)
"""What a channel is told to try it. It stands in no table, so nothing can mistake it for an alert."""
_SEVERITY: Final = {Severity.CRITICAL: "严重", Severity.WARNING: "警告"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An alert about one thing."""

    key: Key
    """Which."""
    since: float
    """Since when it is so, in seconds since the epoch."""
    value: float
    """The value that it was last seen with."""
    told: float = 0.0
    """When this channel was last told that it fires."""

    @property
    def alert(self) -> Alert:
        """Its line of the table."""
        return TRIAL if self.key[0] == TRIAL.name else BY_NAME[self.key[0]]

    @property
    def word(self) -> str:
        """How bad it is, in Chinese; of a test, that it is one."""
        return "测试" if self.alert is TRIAL else _SEVERITY[self.alert.severity]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message for one channel."""

    fires: Sequence[Item] = ()
    """What it tells of."""
    over: Sequence[Item] = ()
    """What is over of what it was told of."""

    def __bool__(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.fires or self.over)

    @property
    def is_trial(self) -> bool:
        """Whether it is a test alone."""
        return bool(self) and all(item.alert is TRIAL for item in (*self.fires, *self.over))


def trial(*, now: float) -> tuple[Notice, Notice]:
    """A test of a channel and its recovery, as two messages: what closes an incident must be tried, too."""
    item = Item(key=(TRIAL.name, frozenset()), since=now, value=0.0)
    return Notice(fires=[item]), Notice(over=[item])


def news(
    standing: Mapping[Key, Standing], told: Mapping[Key, Item], *, now: float, least: Severity, repeat_s: float
) -> tuple[Notice, dict[Key, Item]]:
    """What a channel is to be told, and what it has been told then. told: what it was told that is not over."""
    after, fires = dict(told), []
    for key, one in standing.items():
        alert = BY_NAME[key[0]]
        if not one.fires or (least is Severity.CRITICAL and alert.severity is not Severity.CRITICAL):
            continue
        item = Item(key=key, since=one.since, value=one.value, told=now)
        before = told.get(key)
        again = alert.severity is Severity.CRITICAL and before is not None and now - before.told >= repeat_s
        after[key] = item if before is None or again else replace(item, told=before.told)
        if before is None or again:
            fires.append(item)
    over = [item for key, item in told.items() if not (key in standing and standing[key].fires)]
    for item in over:
        del after[item.key]
    fires.sort(key=lambda item: (item.alert.severity is not Severity.CRITICAL, item.since))
    return Notice(fires=fires, over=over), after


def title(site: str, notice: Notice) -> str:
    """In one line."""
    if notice.is_trial:
        return f"yibao-cdc {site}：{'测试消息' if notice.fires else '测试消息的恢复通知'}"
    parts = [f"{len(notice.fires)} 条告警" if notice.fires else "", f"{len(notice.over)} 条恢复" if notice.over else ""]
    return f"yibao-cdc {site}：{'，'.join(filter(None, parts))}"


def lines(notice: Notice, zone: tzinfo) -> list[str]:
    """A paragraph for each alert, in Chinese and English, the most severe first."""
    return [*(_fires(item, zone) for item in notice.fires), *(_over(item, zone) for item in notice.over)]


def _fires(item: Item, zone: tzinfo) -> str:
    alert, labels = item.alert, item.key[1]
    zh, en = (filled(text, labels, item.value) for text in (alert.zh, alert.summary))
    return f"【{item.word}】{zh}\n{alert.name}: {en}\n自 {_moment(item.since, zone)} 起\n处理: {alert.remedy}"


def _over(item: Item, zone: tzinfo) -> str:
    word = "测试恢复" if item.alert is TRIAL else "恢复"
    alert = item.alert
    return f"【{word}】{filled(alert.zh, item.key[1], item.value)}\n{alert.name}: resolved\n自 {_moment(item.since, zone)} 起"


def text(site: str, notice: Notice, zone: tzinfo, *, most_bytes: int) -> str:
    """The whole message in at most so many bytes of UTF-8. What has no room is counted at the end, never left out in silence."""
    paragraphs, kept = lines(notice, zone), [title(site, notice)]
    for index, paragraph in enumerate(paragraphs):
        rest = f"\n\n另有 {len(paragraphs) - index} 条，见 yibao status / more: yibao status"
        room = most_bytes - len(rest.encode())
        if len("\n\n".join([*kept, paragraph]).encode()) > room:
            return "\n\n".join(kept) + rest
        kept.append(paragraph)
    return "\n\n".join(kept)


def _moment(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")

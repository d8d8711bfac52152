"""Each kind of channel's own form of a message, and what its answer must say. Pure.

- wecom, 企业微信 群机器人: https://developer.work.weixin.qq.com/document/path/91770 (a text of at most 2,048 bytes of UTF-8;
  20 messages a minute; success is `errcode` 0)
- dingtalk, 钉钉 自定义机器人: https://open.dingtalk.com/document/robots/custom-robot-access and, of the signature,
  https://open.dingtalk.com/document/robots/customize-robot-security-settings (HMAC-SHA256 with the secret over milliseconds,
  line feed, secret; in Base64, as `timestamp` and `sign` in the address; 20 messages a minute; success is `errcode` 0)
- feishu, 飞书 自定义机器人: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot (signature: HMAC-SHA256 of nothing
  with seconds, line feed, secret as the key; in Base64, in the body; at most 20 KB; success is `code` 0, once `StatusCode` 0)
- webhook: Alertmanager's, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson

from streams.telemetry.alerts.alert import filled
from yibao.watching.notices import Item, Notice, text

_WECOM_BYTES: Final = 2048
_OTHERS_BYTES: Final = 16_000
"""Below the 20,000 bytes that the other two take of a whole body, with room for its escapes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A request, as it is sent. Its address is a secret."""

    url: str = field(repr=False)
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a message is made of."""

    site: str
    """Whose alerts they are."""
    notice: Notice
    """What is told."""
    zone: tzinfo
    """In which times are shown."""
    now: float
    """Seconds since the epoch."""


def wecom(told: Told, url: str, secret: str = "") -> Post:  # noqa: ARG001 - it has no signature
    """For a robot of 企业微信."""
    said = text(told.site, told.notice, told.zone, most_bytes=_WECOM_BYTES)
    return _post(url, {"msgtype": "text", "text": {"content": said}})


def dingtalk(told: Told, url: str, secret: str = "") -> Post:
    """For a robot of 钉钉; with a secret, signed."""
    said = text(told.site, told.notice, told.zone, most_bytes=_OTHERS_BYTES)
    if secret:
        stamp = f"{round(told.now * 1000)}"
        sign = _signed(secret, f"{stamp}\n{secret}")
        url += ("&" if urlsplit(url).query else "?") + urlencode({"timestamp": stamp, "sign": sign})
    return _post(url, {"msgtype": "text", "text": {"content": said}})


def feishu(told: Told, url: str, secret: str = "") -> Post:
    """For a robot of 飞书; with a secret, signed."""
    said = text(told.site, told.notice, told.zone, most_bytes=_OTHERS_BYTES)
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": said}}
    if secret:
        stamp = f"{int(told.now)}"
        body = {"timestamp": stamp, "sign": _signed(f"{stamp}\n{secret}", ""), **body}
    return _post(url, body)


def webhook(told: Told, url: str, secret: str = "") -> Post:
    """For a receiver of Alertmanager's webhooks. secret: a bearer token."""
    notice = told.notice
    alerts = [*_alerts(told, notice.fires, "firing"), *_alerts(told, notice.over, "resolved")]
    body = {
        "version": "4",
        "groupKey": f'{{}}:{{site="{told.site}"}}',
        "truncatedAlerts": 0,
        "status": "firing" if notice.fires else "resolved",
        "receiver": "yibao-watch",
        "groupLabels": {"site": told.site},
        "commonLabels": {"site": told.site},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": alerts,
    }
    return _post(url, body, {"Authorization": f"Bearer {secret}"} if secret else {})


def _alerts(told: Told, items: Iterable[Item], status: str) -> Iterable[dict[str, Any]]:
    for item in items:
        name, labels = item.key
        alert = item.alert
        own = {"alertname": name, **dict(sorted(labels)), "severity": alert.severity.value, "site": told.site}
        texts = {"summary": alert.summary, "zh": alert.zh, "remedy": alert.remedy}
        yield {
            "status": status,
            "labels": own,
            "annotations": {key: filled(value, labels, item.value) for key, value in texts.items()},
            "startsAt": _utc(item.since),
            "endsAt": _utc(told.now) if status == "resolved" else "0001-01-01T00:00:00Z",
            "generatorURL": "",
            "fingerprint": hashlib.sha256(orjson.dumps(own, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16],
        }


def _utc(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _signed(key: str, message: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()


def _post(url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Post:
    return Post(url=url, body=orjson.dumps(body), headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})})


def refusal(kind: str, answer: bytes) -> str:
    """Why the receiver did not take it although it answered 200; `""` where it did. Its own words are not repeated."""
    if kind == "webhook":
        return ""
    try:
        said = orjson.loads(answer)
        code = said.get("errcode", said.get("code", said.get("StatusCode")))
    except (orjson.JSONDecodeError, AttributeError):
        return "an answer that is none of the robot's"
    return "" if code == 0 else f"code {code}"


FORMS: Final[Mapping[str, Callable[[Told, str, str], Post]]] = {
    "wecom": wecom,
    "dingtalk": dingtalk,
    "feishu": feishu,
    "webhook": webhook,
}

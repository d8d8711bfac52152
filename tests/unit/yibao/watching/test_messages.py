"""A message that a robot does not take is told to nobody, when it matters. Each kind by its maker's document."""

import base64
import hashlib
import hmac
from datetime import UTC
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from yibao.watching.messages import Told, dingtalk, feishu, refusal, webhook, wecom
from yibao.watching.notices import Item, Notice

HELD = Item(key=("YibaoLaneHeld", frozenset({("stage", "deliver")})), since=1_700_000_000.0, value=2.0)
GONE = Item(key=("YibaoInstitutionAside", frozenset({("institution", "H36110200001")})), since=1_700_000_000.0, value=900.0)
TOLD = Told(site="first", notice=Notice(fires=[HELD], over=[GONE]), zone=UTC, now=1_700_000_123.456)
SECRET = "SEC1f9c"


def test_wecom_gets_a_text():
    """https://developer.work.weixin.qq.com/document/path/91770: msgtype text, text.content."""
    post = wecom(TOLD, "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k")
    body = orjson.loads(post.body)
    assert ({"msgtype", "text"}, "text", {"content"}) == (body.keys(), body["msgtype"], body["text"].keys())
    said = body["text"]["content"]
    assert "【严重】deliver 通道被挂起" in said
    assert "【恢复】机构 H36110200001 已被单独挂起" in said
    assert "YibaoLaneHeld: 2 lanes of deliver wait for the platform or a person" in said


def test_what_has_no_room_is_counted():
    """The robot refuses more than 2,048 bytes, and an alert that is left out in silence is one that nobody hears of."""
    many = [Item(key=("YibaoInstitutionAside", frozenset({("institution", f"H{n}")})), since=0.0, value=1.0) for n in range(40)]
    post = wecom(Told(site="first", notice=Notice(fires=many), zone=UTC, now=1.0), "https://host/send?key=k")
    said = orjson.loads(post.body)["text"]["content"]
    assert len(said.encode()) <= 2048
    assert said.startswith("yibao-cdc first：40 条告警")
    assert f"另有 {40 - said.count('【严重】')} 条" in said


def test_dingtalk_is_signed_in_the_address():
    """…/robots/customize-robot-security-settings: milliseconds; the key is the secret, and it stands in what is signed, too."""
    post = dingtalk(TOLD, "https://oapi.dingtalk.com/robot/send?access_token=t", SECRET)
    asked = parse_qs(urlsplit(post.url).query)
    signed = hmac.new(SECRET.encode(), f"1700000123456\n{SECRET}".encode(), hashlib.sha256).digest()
    assert {"access_token": ["t"], "timestamp": ["1700000123456"], "sign": [base64.b64encode(signed).decode()]} == asked
    assert "text" == orjson.loads(post.body)["msgtype"]
    assert "+" not in urlsplit(post.url).query, "Base64 must be encoded, or a blank arrives in its place"


def test_feishu_is_signed_in_the_body():
    """…/bot-v3/add-custom-bot: seconds; the key is time and secret, and what is signed is empty."""
    body = orjson.loads(feishu(TOLD, "https://open.feishu.cn/open-apis/bot/v2/hook/x", SECRET).body)
    signed = hmac.new(f"1700000123\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    assert ("1700000123", base64.b64encode(signed).decode()) == (body["timestamp"], body["sign"])
    assert ("text", {"text"}) == (body["msg_type"], body["content"].keys())


@pytest.mark.parametrize("form", [dingtalk, feishu])
def test_without_a_secret_nothing_is_signed(form):
    """A robot that is guarded by words or addresses refuses a signature that it does not expect."""
    post = form(TOLD, "https://host/hook")
    assert b"sign" not in post.body
    assert "https://host/hook" == post.url


def test_a_webhook_gets_what_alertmanager_sends():
    """So that whatever stands ready for Alertmanager takes it."""
    post = webhook(TOLD, "https://host/hook", "token")
    body = orjson.loads(post.body)
    first, second = body["alerts"]
    assert "Bearer token" == post.headers["Authorization"]
    assert ("4", "firing", ["firing", "resolved"]) == (body["version"], body["status"], [one["status"] for one in body["alerts"]])
    assert {"alertname": "YibaoLaneHeld", "stage": "deliver", "severity": "critical", "site": "first"} == first["labels"]
    assert {"summary", "zh", "remedy"} == first["annotations"].keys()
    assert ("0001-01-01T00:00:00Z", "2023-11-14T22:15:23.456Z") == (first["endsAt"], second["endsAt"])
    assert first["fingerprint"] != second["fingerprint"]


@pytest.mark.parametrize(
    ("kind", "answer", "why"),
    [
        ("wecom", b'{"errcode":0,"errmsg":"ok"}', ""),
        ("wecom", b'{"errcode":93000,"errmsg":"invalid webhook url"}', "code 93000"),
        ("dingtalk", b'{"errcode":310000,"errmsg":"sign not match"}', "code 310000"),
        ("feishu", b'{"code":0,"msg":"success","data":{}}', ""),
        ("feishu", b'{"StatusCode":0,"StatusMessage":"success"}', ""),
        ("feishu", b'{"code":19021,"msg":"sign match fail"}', "code 19021"),
        ("wecom", b"<html>", "an answer that is none of the robot's"),
        ("webhook", b"", ""),
    ],
)
def test_a_robot_that_answers_200_may_have_refused(kind, answer, why):
    """All three say 200 to a wrong signature."""
    assert why == refusal(kind, answer)

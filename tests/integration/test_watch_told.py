"""`yibao watch` tells people through real servers: robots that check the signature, mail with TLS and a login, a journal."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from streams.mapping.notifying import Channel
from tests.unit.yibao.watching.test_messages import TOLD
from yibao.watching.channels import NotTold, check, tell
from yibao.watching.notices import BY_NAME

SECRET = "SEC-of-a-robot"
PASSWORD = "canary-of-a-password"
CHECKOUT = Path(__file__).parents[2]


class Robots(ThreadingHTTPServer):
    """Answers as the makers document it: 200 always, and in the body whether the signature is right."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Robot)
        self.taken = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Robot(BaseHTTPRequestHandler):
    def do_POST(self):
        parts = urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = getattr(self, f"_{parts.path.strip('/')}")(parse_qs(parts.query), body)
        if status == 200 and 0 in {answer.get("errcode"), answer.get("code")}:
            self.server.taken.append((parts.path, body))
        said = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        if status == 302:
            self.send_header("Location", "/hook")
        self.end_headers()
        self.wfile.write(said)

    def _wecom(self, query, body):
        right = query == {"key": ["k"]} and body["msgtype"] == "text" and len(body["text"]["content"].encode()) <= 2048
        return 200, {"errcode": 0, "errmsg": "ok"} if right else {"errcode": 93000, "errmsg": "invalid webhook url"}

    def _dingtalk(self, query, body):
        stamp = query["timestamp"][0]
        wanted = _base64(SECRET, f"{stamp}\n{SECRET}")
        right = query["sign"] == [wanted] and body["msgtype"] == "text" and query["access_token"] == ["t"]
        return 200, {"errcode": 0, "errmsg": "ok"} if right else {"errcode": 310000, "errmsg": "sign not match"}

    def _feishu(self, _query, body):
        right = body["sign"] == _base64(f"{body['timestamp']}\n{SECRET}", "") and body["msg_type"] == "text"
        return 200, {"code": 0, "msg": "success", "data": {}} if right else {"code": 19021, "msg": "sign match fail"}

    def _hook(self, _query, _body):
        return (200, {"code": 0}) if self.headers["Authorization"] == f"Bearer {SECRET}" else (401, {})

    def _away(self, _query, _body):
        return 302, {}

    def log_message(self, *args):
        """The test says what it sees."""


def _base64(key, message):
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()


@pytest.fixture
def robots():
    server = Robots()
    serving = threading.Thread(target=server.serve_forever, args=(0.01,))
    serving.start()
    yield server
    server.shutdown()
    serving.join()
    server.server_close()


@pytest.fixture
def posted(robots, tmp_path):
    """A channel to a path of the robots; secret: what its file holds."""

    def make(kind, path, secret=None):
        (tmp_path / "url").write_text(f"{robots.url}{path}\n")
        (tmp_path / "secret").write_text(f"{secret}\n")
        named = {"webhook": "token_file"}.get(kind, "secret_file")
        return Channel(kind=kind, url_file=tmp_path / "url", **({} if secret is None else {named: tmp_path / "secret"}))

    return make


@pytest.mark.parametrize(
    ("kind", "path", "secret"),
    [
        ("wecom", "/wecom?key=k", None),
        ("dingtalk", "/dingtalk?access_token=t", SECRET),
        ("feishu", "/feishu", SECRET),
        ("webhook", "/hook", SECRET),
    ],
)
def test_a_robot_takes_what_is_sent(posted, robots, kind, path, secret):
    """It checks what its maker's document says that it checks."""
    channel = posted(kind, path, secret)
    check(kind, channel)
    tell(kind, channel, TOLD)
    ((at, body),) = robots.taken
    assert urlsplit(path).path == at
    assert "YibaoLaneHeld" in json.dumps(body)


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (("wecom", "/wecom?key=old", None), "code 93000"),
        (("dingtalk", "/dingtalk?access_token=t", "another"), "code 310000"),
        (("feishu", "/feishu", "another"), "code 19021"),
        (("webhook", "/hook", "another"), "HTTP 401"),
        (("webhook", "/away", SECRET), "HTTP 302"),
    ],
)
def test_what_a_robot_refuses_is_not_told_and_the_reason_holds_no_secret(posted, robots, of, why):
    """An address that came into a log lets everybody write into the group."""
    with pytest.raises(NotTold) as told:
        tell("ops", posted(*of), TOLD)
    assert (why, None) == (f"{told.value}", told.value.__cause__)
    assert [] == robots.taken


def test_nobody_there_is_told_without_the_address(tmp_path):
    """The error of the system's library names it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        (tmp_path / "url").write_text(f"http://127.0.0.1:{bound.getsockname()[1]}/send?key=canary")
        with pytest.raises(NotTold, match=r"^ConnectionRefusedError$"):
            tell("ops", Channel(kind="wecom", url_file=tmp_path / "url"), TOLD)


class Inbox:
    """Takes mail of who logged in."""

    def __init__(self):
        self.mail = []

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - as aiosmtpd calls it
        assert session.authenticated
        self.mail.append((session.ssl is not None, envelope))
        return "250 OK"


@pytest.fixture
def mail(tmp_path):
    """A mail server with STARTTLS that demands a login; its inbox, and the channel to it."""
    named = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", *named]
    subprocess.run([*made, "-keyout", tmp_path / "k.pem", "-out", tmp_path / "ca.pem"], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "k.pem")

    def login(server, session, envelope, mechanism, data):
        return AuthResult(handled=False, success=isinstance(data, LoginPassword) and data.password == PASSWORD.encode())

    inbox = Inbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(
        inbox, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, authenticator=login, auth_required=True
    )
    server.start()
    (tmp_path / "password").write_text(PASSWORD)
    channel = Channel(
        kind="mail",
        host="localhost",
        port=port,
        user="yibao",
        password_file=tmp_path / "password",
        sender="yibao@hospital.example",
        recipients=("ops@hospital.example", "office@hospital.example"),
        ca_file=tmp_path / "ca.pem",
    )
    yield inbox, channel
    server.stop()


def test_mail_goes_through_tls_and_a_login(mail):
    """And its subject, in Chinese, says what is so."""
    inbox, channel = mail
    check("office", channel)
    tell("office", channel, TOLD)
    ((sealed, envelope),) = inbox.mail
    assert sealed
    assert ["ops@hospital.example", "office@hospital.example"] == envelope.rcpt_tos
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert ("yibao-cdc first：1 条告警，1 条恢复", "auto-generated") == (message["Subject"], message["Auto-Submitted"])
    assert "【严重】deliver 通道被挂起" in message.get_content()


def test_a_login_that_is_refused_is_told_without_the_password(mail, tmp_path):
    """The server's words may repeat it."""
    inbox, channel = mail
    (tmp_path / "password").write_text("another")
    with pytest.raises(NotTold, match=r"^SMTPAuthenticationError, SMTP 535$"):
        tell("office", channel, TOLD)
    assert [] == inbox.mail


def test_the_journal_gets_an_entry_for_each_alert(tmp_path):
    """With the priority by which journalctl finds it, and fields that a program asks for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(f"{tmp_path}/socket")
        tell("journal", Channel(kind="journald", socket=tmp_path / "socket"), TOLD)
        entries = [dict(line.split("=", 1) for line in journal.recv(65_536).decode().splitlines()) for _ in range(2)]
    assert [("2", "firing"), ("5", "resolved")] == [(one["PRIORITY"], one["YIBAO_STATE"]) for one in entries]
    assert "deliver 通道被挂起" in entries[0]["MESSAGE"]


def test_the_verb_tries_each_channel_and_says_which_took_nothing(robots, tmp_path):
    """Whoever sets it up must see it arrive, and not wait for the first outage."""
    (tmp_path / "good").write_text(f"{robots.url}/wecom?key=k")
    (tmp_path / "bad").write_text(f"{robots.url}/wecom?key=canary")
    done = _tried(tmp_path, {name: {"kind": "wecom", "url_file": f"{tmp_path}/{name}"} for name in ("good", "bad")})
    said = "good: a test and its recovery were sent\n", "bad: not sent: code 93000\n"
    assert (1, *said) == (done.returncode, done.stdout, done.stderr)


def test_a_test_is_named_as_one_in_every_channel_and_is_over_at_once(robots, mail, tmp_path):
    """Under an alert's own name it wakes somebody; without its end it stays open for ever where notices become incidents."""
    inbox, office = mail
    (tmp_path / "secret").write_text(SECRET)
    posted = {"wecom": "/wecom?key=k", "dingtalk": "/dingtalk?access_token=t", "feishu": "/feishu", "webhook": "/hook"}
    signed = {"wecom": {}, "webhook": {"token_file": f"{tmp_path}/secret"}}
    channels = {
        kind: {"kind": kind, "url_file": f"{tmp_path}/{kind}", **signed.get(kind, {"secret_file": f"{tmp_path}/secret"})}
        for kind in posted
    }
    for kind, path in posted.items():
        (tmp_path / kind).write_text(f"{robots.url}{path}")
    channels["office"] = json.loads(office.model_dump_json(exclude_defaults=True))
    channels["journal"] = {"kind": "journald", "socket": f"{tmp_path}/socket"}
    channels["here"] = {"kind": "stderr"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(f"{tmp_path}/socket")
        done = _tried(tmp_path, channels)
        journal.settimeout(5)
        entries = [journal.recv(65_536).decode() for _ in range(2)]
    assert (0, len(channels)) == (done.returncode, done.stdout.count(": a test and its recovery were sent\n")), done.stderr
    messages: dict[str, list[str]] = {"journal": entries, "here": done.stderr.splitlines()}
    for path, body in robots.taken:
        messages.setdefault(path, []).append(json.dumps(body, ensure_ascii=False))
    read = [email.message_from_bytes(envelope.content, policy=email.policy.default) for _, envelope in inbox.mail]
    messages["mail"] = [f"{one['Subject']} {one.get_content()}" for one in read]
    assert {*channels} - {"office", *posted} | {"mail"} | {f"/{path.split('?')[0][1:]}" for path in posted.values()} == {*messages}
    for channel, told in messages.items():
        first, second = told
        assert "YibaoTest" in first, channel
        assert "YibaoTest" in second, channel
        assert "测试" in first, channel
        assert "测试" in second, channel
        assert not [name for name in BY_NAME for one in told if name in one], channel
    hooks = [body for path, body in robots.taken if path == "/hook"]
    assert ["firing", "resolved"] == [one["alerts"][0]["status"] for one in hooks]
    assert 1 == len({one["alerts"][0]["fingerprint"] for one in hooks}), "another one would not close the first"


def _tried(tmp_path, channels):
    """What `yibao watch --test` says, of these channels."""
    sample = tmp_path / "sample"
    shutil.copytree(CHECKOUT / "deploy" / "sites" / "sample", sample)
    site = sample / "site.yaml"
    site.write_text(site.read_text("utf-8") + f"\nnotify: {json.dumps({'channels': channels})}\n", "utf-8")
    asked = [sys.executable, "-m", "yibao", "watch", "--test", "-c", f"{site}"]
    return subprocess.run(asked, capture_output=True, text=True, check=False)

"""The ways to people: what is told goes out here. A failure names channel and cause, never an address, which is a secret."""

import smtplib
import socket
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from streams.errors import Misconfigured
from streams.mapping.notifying import Channel
from streams.mapping.secret_files import read_secret
from streams.mapping.values import is_loopback
from streams.telemetry.alerts.alert import Severity, filled
from yibao.watching.messages import FORMS, Told, refusal
from yibao.watching.notices import Item, text, title

log = structlog.get_logger()

_WITHIN_S: Final = 10.0
_MOST_BYTES: Final = 65_536
_MAIL_BYTES: Final = 200_000


class NotTold(Exception):
    """A channel did not take a message; the text says why, and holds no secret."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A webhook that sends elsewhere is another one: its key would go there."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        """Follow none."""


def check(name: str, channel: Channel) -> None:
    """Read all files that a channel names. Raises Misconfigured, naming the setting."""
    if channel.url_file is not None:
        url = _secret(name, channel, "url_file")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misconfigured(f"notify.channels.{name}.url_file: the file holds no address such as https://host/path")
        if parts.scheme == "http" and not channel.insecure and not is_loopback(parts.hostname):
            raise Misconfigured(
                f"notify.channels.{name}.url_file: the address is http, and its key would go unencrypted: write https, or set "
                "`insecure: true`"
            )
    for setting in ("secret_file", "token_file", "password_file"):
        if getattr(channel, setting) is not None:
            _secret(name, channel, setting)
    if channel.ca_file is not None:
        _tls(channel)


def tell(name: str, channel: Channel, told: Told) -> None:
    """Send one message. Raises NotTold, and Misconfigured where a file went bad."""
    match channel.kind:
        case "mail":
            _mail(name, channel, told)
        case "journald":
            _journal(channel, told)
        case "stderr":
            _stderr(told)
        case _:
            _http(name, channel, told)


def _secret(name: str, channel: Channel, setting: str) -> str:
    return read_secret(getattr(channel, setting), setting=f"notify.channels.{name}.{setting}")


def _tls(channel: Channel) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=channel.ca_file)
    except OSError as error:  # also ssl.SSLError
        raise Misconfigured(f"{channel.ca_file} holds no certificates that can be read ({type(error).__name__})") from error


def _http(name: str, channel: Channel, told: Told) -> None:
    secret = next((_secret(name, channel, one) for one in ("secret_file", "token_file") if getattr(channel, one) is not None), "")
    post = FORMS[channel.kind](told, _secret(name, channel, "url_file"), secret)
    proxies = {} if channel.proxy is None else {"http": channel.proxy, "https": channel.proxy}
    handlers = (urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=_tls(channel)), _NoRedirect())
    try:
        request = urllib.request.Request(post.url, data=post.body, headers=dict(post.headers), method="POST")  # noqa: S310 - checked
        with urllib.request.build_opener(*handlers).open(request, timeout=_WITHIN_S) as answer:
            why = refusal(channel.kind, answer.read(_MOST_BYTES))
    except urllib.error.HTTPError as error:
        error.close()
        raise NotTold(f"HTTP {error.code}") from None
    except (OSError, ValueError) as error:
        raise NotTold(_cause(error)) from None
    if why:
        raise NotTold(why)


def _cause(error: Exception) -> str:
    """Its kind alone: the text may hold the address."""
    inner = getattr(error, "reason", None)
    return type(inner if isinstance(inner, Exception) else error).__name__


def _mail(name: str, channel: Channel, told: Told) -> None:
    message = EmailMessage()
    message["Subject"], message["From"] = title(told.site, told.notice), channel.sender
    message["To"] = ", ".join(channel.recipients)
    message["Date"], message["Message-ID"] = formatdate(told.now), make_msgid(domain="yibao.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text(told.site, told.notice, told.zone, most_bytes=_MAIL_BYTES))
    login = None if channel.user is None else (channel.user, _secret(name, channel, "password_file"))
    try:
        with _connected(channel) as server:
            if login is not None:
                server.login(*login)
            server.send_message(message)
    except smtplib.SMTPResponseException as error:
        raise NotTold(f"{type(error).__name__}, SMTP {error.smtp_code}") from None
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise NotTold(type(error).__name__) from None


def _connected(channel: Channel) -> smtplib.SMTP:
    host = channel.host or ""
    if channel.tls == "tls":
        return smtplib.SMTP_SSL(host, channel.port, timeout=_WITHIN_S, context=_tls(channel))
    server = smtplib.SMTP(host, channel.port, timeout=_WITHIN_S)
    if channel.tls == "starttls":
        try:
            server.starttls(context=_tls(channel))
        except BaseException:
            server.close()
            raise
    return server


def _journal(channel: Channel, told: Told) -> None:
    """One entry an alert, by the journal's own protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): a datagram of fields."""
    items = [*((item, True) for item in told.notice.fires), *((item, False) for item in told.notice.over)]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.connect(f"{channel.socket}")
            for item, fires in items:
                journal.send(_entry(told.site, item, fires=fires))
    except OSError as error:
        raise NotTold(type(error).__name__) from None


def _entry(site: str, item: Item, *, fires: bool) -> bytes:
    alert = item.alert
    critical = alert.severity is Severity.CRITICAL
    what = f"{_of(alert.zh, item)} ({_of(alert.summary, item)})"
    said = f"{alert.name} {'fires' if fires else 'is over'}: {what}"
    fields = {
        "MESSAGE": said,
        "PRIORITY": ("2" if critical else "4") if fires else "5",
        "SYSLOG_IDENTIFIER": "yibao-watch",
        "YIBAO_SITE": site,
        "YIBAO_ALERT": alert.name,
        "YIBAO_STATE": "firing" if fires else "resolved",
    }
    return "".join(f"{key}={value}\n" for key, value in fields.items()).encode()


def _stderr(told: Told) -> None:
    for item in told.notice.fires:
        tells = log.error if item.alert.severity is Severity.CRITICAL else log.warning
        labels = dict(sorted(item.key[1]))
        tells("alert_fired", alert=item.key[0], labels=labels, zh=_of(item.alert.zh, item), summary=_of(item.alert.summary, item))
    for item in told.notice.over:
        log.info("alert_resolved", alert=item.key[0], labels=dict(sorted(item.key[1])), zh=_of(item.alert.zh, item))


def _of(said: str, item: Item) -> str:
    return filled(said, item.key[1], item.value)

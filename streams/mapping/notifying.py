"""The part of `site.yaml` that says who is told of alerts where there is no Prometheus: `yibao watch --notify`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from streams.mapping.names import Name
from streams.mapping.strict import Strict
from streams.mapping.values import ConnectUrl, FilePath, Port, is_loopback

Kind = Literal["webhook", "wecom", "dingtalk", "feishu", "mail", "journald", "stderr"]
_POSTED: Final = ("webhook", "wecom", "dingtalk", "feishu")
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(_POSTED, ("url_file",)),
    "mail": ("host", "sender", "recipients"),
}
_TAKEN: Final[Mapping[str, tuple[str, ...]]] = {
    "webhook": ("url_file", "token_file", "ca_file", "proxy", "insecure"),
    "wecom": ("url_file", "ca_file", "proxy", "insecure"),
    "dingtalk": ("url_file", "secret_file", "ca_file", "proxy", "insecure"),
    "feishu": ("url_file", "secret_file", "ca_file", "proxy", "insecure"),
    "mail": ("host", "port", "tls", "user", "password_file", "sender", "recipients", "ca_file", "insecure"),
    "journald": ("socket",),
    "stderr": (),
}


class Channel(Strict):
    """One way to people: a robot of a group in 企业微信 (`wecom`), 钉钉 (`dingtalk`) or 飞书 (`feishu`), any receiver of
    Alertmanager's webhooks (`webhook`), `mail`, the system's journal (`journald`), or standard error (`stderr`).
    """

    kind: Kind
    """Which of them."""
    severity: Literal["critical", "warning"] = "warning"
    """The least that is told here: `critical` leaves warnings out."""
    url_file: FilePath | None = None
    """File with the address of the webhook. It is a secret: whoever has it writes into the group."""
    secret_file: FilePath | None = None
    """Of `dingtalk` and `feishu`: file with the secret of the signature (加签, 签名校验), where the robot demands one."""
    token_file: FilePath | None = None
    """Of `webhook`: file with a bearer token."""
    proxy: ConnectUrl | None = None
    """Proxy on the way, `http://host:port`. Never taken from the environment."""
    host: str | None = None
    """Of `mail`: the server."""
    port: Port = 587
    """Of `mail`: its port."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """Of `mail`: `none` only on this host, unless `insecure`."""
    user: str | None = None
    """Of `mail`: who logs in. Left out: nobody does."""
    password_file: FilePath | None = None
    """Of `mail`: file with that one's password."""
    sender: str | None = None
    """Of `mail`: address from which it comes."""
    recipients: tuple[str, ...] = ()
    """Of `mail`: addresses to which it goes."""
    ca_file: FilePath | None = None
    """Certificates of the authority that signed the receiver's. Left out: those that this machine trusts."""
    socket: FilePath = Path("/run/systemd/journal/socket")
    """Of `journald`: its socket."""
    insecure: bool = False
    """Allow an address with http, or mail without TLS, to another host: alerts go unencrypted then, with the webhook's key."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """Each kind has what it needs, and nothing of another."""
        if missing := [name for name in _NEEDED.get(self.kind, ()) if not getattr(self, name)]:
            raise ValueError(f"`{self.kind}` needs {', '.join(f'`{name}`' for name in missing)}")
        known = {"kind", "severity", *_TAKEN[self.kind]}
        if foreign := sorted(self.model_fields_set - known):
            raise ValueError(f"`{self.kind}` takes no {', '.join(f'`{name}`' for name in foreign)}")
        if self.kind == "mail" and self.tls == "none" and not self.insecure and not is_loopback(self.host or ""):
            raise ValueError(f"mail would go to {self.host} unencrypted: leave `tls: starttls`, or write `insecure: true`")
        if (self.user is None) != (self.password_file is None):
            raise ValueError("`user` and `password_file` go together")
        return self


class NotifySettings(Strict):
    """Who is told of alerts by `yibao watch --notify`. Sites with Prometheus and Alertmanager need none of it."""

    channels: Mapping[Name, Channel] = Field(default_factory=dict)
    """The ways to people, by a name that the log tells."""
    workers: tuple[ConnectUrl, ...] = ()
    """Addresses of the workers on other machines (`workers.http`): `http://10.0.0.2:9464`. Those of this machine are found."""
    every_s: Annotated[float, Field(ge=1)] = 15.0
    """How often the workers are looked at."""
    repeat_s: Annotated[float, Field(ge=60)] = 14_400.0
    """After so long a critical alert that still fires is told again; a warning is told once."""

"""The demonstration's site: the sample site's files with the addresses of this run."""

import secrets
from pathlib import Path

import yaml

from sandbox.stack import Endpoints
from streams.private_files import private_folder, write_private
from yibao.demonstration.settings import SAMPLE, DemoSettings

WAIT_S = 30
_TICK_S = 2.0
DATABASE = "his"


def write_password(endpoints: Endpoints) -> str:
    """A fresh password for the capture's role, in the only directory that connectors may read."""
    password = secrets.token_urlsafe(24)
    path = password_file(endpoints)
    private_folder(path.parent)
    write_private(path, password)
    return password


def password_file(endpoints: Endpoints) -> Path:
    """Where the password of the capture's role stands."""
    return endpoints.secrets / "his.password"


def write_site(settings: DemoSettings, endpoints: Endpoints, *, platform_url: str, keys: Path) -> None:
    """Write site.yaml and mapping.yaml. keys: folder of `<institution>.pub`."""
    folder = settings.site_file.parent
    private_folder(folder)
    write_private(folder / "mapping.yaml", (SAMPLE / "mapping.yaml").read_text(encoding="utf-8"))
    written = (SAMPLE / "site.yaml").read_text(encoding="utf-8")
    site = yaml.safe_load(written)
    # Read as text: `02` is a code and not a number.
    site["institutions"] = yaml.load(written, Loader=yaml.BaseLoader)["institutions"]  # noqa: S506 - makes texts, lists and maps only
    site["kafka"]["bootstrap_servers"] = endpoints.bootstrap_servers
    # Somebody watches: how long the hospital is quiet is told by signs of life.
    site["connect"] |= {"url": endpoints.connect_url, "heartbeat_s": 1.0}
    site["sources"]["his"] |= {
        "host": endpoints.postgres_host,
        "port": endpoints.postgres_port,
        "database": DATABASE,
        "password_file": f"{password_file(endpoints)}",
    }
    site["platform"]["url"] = platform_url
    # An orphan must become a dead letter while somebody watches.
    site["join"] |= {"wait_s": WAIT_S, "tick_s": _TICK_S, "withdrawal_grace_s": _TICK_S}
    for institution in site["institutions"]:
        key = settings.public_key or keys / f"{institution['code']}.pub"
        institution["public_key_file"] = f"{key.resolve()}"
    write_private(settings.site_file, yaml.safe_dump(site, allow_unicode=True, sort_keys=False))

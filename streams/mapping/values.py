"""Forms of single values in the files people write: addresses, codes, paths, zones."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo


def _no_password(url: str) -> str:
    if "@" in urlsplit(url).netloc:
        raise ValueError("holds a user or a password; a secret stands in a file of its own, never in site.yaml")
    return url


Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$"), AfterValidator(_no_password)]
Port = Annotated[int, Field(ge=1, le=65535)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"`{name}` is no time zone; `Asia/Shanghai` is meant in China") from error
    return name


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return Path(folder) / path.expanduser() if folder is not None else path


Zone = Annotated[str, AfterValidator(_zone)]
FilePath = Annotated[Path, AfterValidator(_from_folder)]
"""A path; relative ones count from the folder of `site.yaml`."""


def number(written: object) -> object:
    """A choice among numbers as a number: the file is read as text."""
    return int(written) if isinstance(written, str) and written.isascii() and written.isdigit() else written


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine. `127.0.0.1.example.org` does not."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"

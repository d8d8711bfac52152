"""Forms of single values in the files people write: addresses, codes, paths, zones."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True, slots=True)
class Form:
    """A text of a given form."""

    pattern: str
    """What it must match."""
    wanted: str
    """What a person is told to write instead of another text; `{` and `}` have no place in it."""
    most: int | None = None
    """Most characters; None for no limit."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The text's schema, whatever is wrong with it told in our words."""
        text = core_schema.str_schema(pattern=self.pattern, max_length=self.most)
        return core_schema.custom_error_schema(text, custom_error_type="form", custom_error_message=f"must be {self.wanted}")


def _address(instead: str) -> Callable[[str], str]:
    """The check of an address. instead: where a login stands that somebody wrote into it. No part of the address is repeated."""

    def checked(url: str) -> str:
        parts = urlsplit(url)
        if "@" in parts.netloc:
            raise ValueError(f"holds a user or a password; a secret stands in a file of its own, never in site.yaml: {instead}")
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError("is no address like `https://host:port/path`, without query and fragment")
        try:
            sound = parts.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("names no port between 1 and 65535")
        return url

    return checked


_Http = Annotated[str, Form(r"^https?://[^\s/]+(/\S*)?$", "an address such as https://host:port/path")]
PlatformUrl = Annotated[_Http, AfterValidator(_address("see `headers`"))]
PlatformProxy = Annotated[_Http, AfterValidator(_address("a proxy that wants a login cannot be used here"))]
ConnectUrl = Annotated[_Http, AfterValidator(_address("see `user` and `password_file`, or `token_file`"))]
ConnectProxy = Annotated[
    str,
    Form(r"^http://[^\s/]+/?$", "an address such as http://host:port"),
    AfterValidator(_address("see `proxy_user` and `proxy_password_file`")),
]
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

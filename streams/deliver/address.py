"""What may be told of an address: where it is, and nothing that opens it."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from streams.spec.masking import mask_text

_PORTS: Final = {"http": ":80", "https": ":443"}
_LONGEST: Final = 200


def address_of(url: str) -> str:
    """`host:port/path`: what of an address may be told. User, password and query stay out, also of an address that is none."""
    parts = urlsplit(url)
    host, slash, path = (parts.netloc + parts.path).rpartition("@")[2].partition("/")
    port = "" if ":" in host.rpartition("]")[2] else _PORTS.get(parts.scheme, "")
    return f"{host}{port}{slash}{path}"


def redirected_to(headers: Mapping[str, str]) -> str:
    """Where a redirect points, masked: `host:port/path` without query and session; of one that names no host, its path. headers:
    names in lower case.
    """
    location = headers.get("location", "").strip()
    if not location:
        return "nowhere"
    try:
        told = address_of(location).partition(";")[0]
    except ValueError:
        return "what is no address"
    printable = "".join(each if each.isprintable() else "?" for each in told)
    return mask_text(printable)[:_LONGEST] or "the same path"

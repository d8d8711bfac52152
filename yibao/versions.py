"""What `yibao --version` says: of this product, and of what decides how it behaves on this machine."""

import platform
import ssl
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from streams.built import core
from streams.errors import Misconfigured
from streams.seal.openssl import library_version

_GUARDED = ("faust-streaming", "aiokafka", "kafka-python")
"""Packages whose inside or protocol matters when a worker behaves oddly."""


def lines() -> list[str]:
    """One line each, the product's first. What is missing is said instead of its version."""
    return [
        f"yibao-cdc {product()}",
        f"core: {core()}",
        f"Python {platform.python_version()} ({platform.python_implementation()}, {platform.system()} {platform.machine()})",
        *(f"{package} {_of(package)}" for package in _GUARDED),
        f"OpenSSL {_sealing()} for SM2; {ssl.OPENSSL_VERSION.removeprefix('OpenSSL ')} for TLS",
    ]


def product() -> str:
    """The version of this product; that of the checkout where it runs from one."""
    checkout = Path(__file__).parents[1] / "pyproject.toml"
    if checkout.is_file():
        return f"{tomllib.loads(checkout.read_text(encoding='utf-8'))['project']['version']}"
    return _of("yibao-cdc")


def _of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _sealing() -> str:
    try:
        return library_version()
    except Misconfigured as error:
        return f"(none: {error})"

"""The versions of the packages whose inside is used (`agents/engine.py`, `lanes/kafka_broker.py`)."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Final

from streams.errors import Fatal

PINNED: Final[Mapping[str, str]] = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}


def require_versions(installed: Callable[[str], str] = version) -> None:
    """Raise Fatal unless the packages are those whose inside is known."""
    for package, wanted in PINNED.items():
        if (found := installed(package)) != wanted:
            raise Fatal(f"{package} {found} is installed, but this worker is built on {wanted}: pip install {package}=={wanted}")

"""One service of the embedded stack in place of this process, for a container, which ends with its first process."""

import os
from pathlib import Path
from typing import NoReturn

from sandbox.stack.ports import PortBook, Ports
from sandbox.stack.postgres import Postgres
from sandbox.stack.service import Home

SERVICES = ("postgres",)
"""Those that can be served so; Kafka and Connect have an image of their own."""


def serve_postgres(home: Path, port: int) -> NoReturn:
    """Become the PostgreSQL of a stack, with its data in `home`. Raises as `Stack.up`, and OSError."""
    place = Home(root=home.resolve())
    place.folder.claim()
    place.lay_out()
    command = Postgres(place, PortBook(place.root / "ports.json", Ports(postgres=port)), durable=True).prepare()
    os.execv(command[0], [f"{word}" for word in command])  # noqa: S606  a program of ours, no shell

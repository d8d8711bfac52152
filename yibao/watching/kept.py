"""What a watch knows of alerts, on disk: so that a restart repeats nothing, forgets no recovery, and begins no time anew."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from streams.errors import Misconfigured
from streams.private_files import open_private, private_folder, write_private
from streams.telemetry.alerts.deciding import Key, Standing
from yibao.watching.notices import BY_NAME, Item

FORM: Final = 1
_FILE: Final = "alerts.json"
_STALE_S: Final = 600.0
"""Longer than so without a look, and what was about to fire begins anew."""


@dataclass(slots=True)
class Kept:
    """All of it."""

    at: float = 0.0
    """When the last look was, in seconds since the epoch."""
    standing: dict[Key, Standing] = field(default_factory=dict)
    """How the alerts stand."""
    told: dict[str, dict[Key, Item]] = field(default_factory=dict)
    """By channel, what it was told that is not over."""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else on this machine watches from this folder. Raises Misconfigured where somebody does."""
    private_folder(folder)
    with open_private(folder / "lock", "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Misconfigured(
                f"{folder}: another `yibao watch` runs from here, and would tell everything twice: end it"
            ) from error
        yield


def load(folder: Path, *, now: float) -> Kept:
    """What was known; nothing where there is no file, or one of another version. Alerts that are no more are forgotten."""
    try:
        written = orjson.loads((folder / _FILE).read_bytes())
        if written["form"] != FORM:
            return Kept()
        kept = Kept(
            at=float(written["at"]),
            standing={_key(one): Standing(**one["standing"]) for one in written["standing"] if one["alert"] in BY_NAME},
            told={
                name: {_key(one): Item(key=_key(one), **one["item"]) for one in told if one["alert"] in BY_NAME}
                for name, told in written["told"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Kept()
    if now - kept.at > _STALE_S:
        kept.standing = {key: one for key, one in kept.standing.items() if one.fires}
    return kept


def save(folder: Path, kept: Kept) -> None:
    """Write it whole, or not at all."""
    document = {
        "form": FORM,
        "at": kept.at,
        "standing": [{**_named(key), "standing": asdict(one)} for key, one in kept.standing.items()],
        "told": {name: [_told(one) for one in told.values()] for name, told in kept.told.items()},
    }
    write_private(folder / _FILE, orjson.dumps(document).decode())


def _told(item: Item) -> dict[str, Any]:
    return {**_named(item.key), "item": {"since": item.since, "value": item.value, "told": item.told}}


def _named(key: Key) -> dict[str, Any]:
    return {"alert": key[0], "labels": dict(sorted(key[1]))}


def _key(written: Mapping[str, Any]) -> Key:
    return f"{written['alert']}", frozenset((f"{name}", f"{value}") for name, value in written["labels"].items())

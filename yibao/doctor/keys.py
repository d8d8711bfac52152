"""Keys, passwords and certificates of a site, judged. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from streams.platform_wiring import SharedKey
from yibao.doctor.checks import Told, blocks, warns


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """One institution's public key."""

    institution: str
    """FIXMEDINS_CODE."""
    file: Path
    """Where it is kept."""
    problem: str
    """Why it is none; `""` for a good one."""
    changed: datetime | None
    """When the file was written; None where it cannot be told."""
    stranger: Path | None = None
    """The private key beside it that is not its other half; None where there is none, or it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """Who may do what with a file or folder that others must leave alone."""

    path: Path
    """Where it is."""
    mode: int
    """Its permission bits."""
    is_folder: bool
    """Whether it is a folder."""


def of_keys(keys: Sequence[KeyFacts], shared: Sequence[SharedKey], *, now: datetime, days: int) -> Iterator[Told]:
    """days: a key is told when its file is older; 0: never."""
    for key in keys:
        where = f"key of {key.institution} ({key.file})"
        if key.problem:
            yield blocks("keys.public", where, f"cannot be used: {key.problem}", f"yibao keys check {key.file}")
        if key.stranger is not None:
            what = f"is not the other half of {key.stranger}: what is sealed with it, that private key does not open"
            yield warns("keys.pair", where, what, f"yibao keys show {key.file}  # and {key.stranger}: compare the fingerprints")
        if days and key.changed is not None and now - key.changed > timedelta(days=days):
            what = f"is {(now - key.changed).days} days old (doctor.key_days: {days})"
            yield warns("keys.age", where, what, "ask the platform's people whether it is still the one in force, or for a new one")
    for one in shared:
        yield warns(
            "keys.shared", f"institutions {', '.join(one.institutions)}", f"have one public key ({one.fingerprint})", one.remedy
        )


def of_files(files: Sequence[FileFacts]) -> Iterator[Told]:
    """Secrets are read by owner and group alone, for Connect may be of the group; folders are written by their owner."""
    for one in files:
        others = one.mode & (0o022 if one.is_folder else 0o027)
        if not others:
            continue
        mend = f"chmod {'go-w' if one.is_folder else 'u=rw,g=r,o='} {one.path}"
        harm = "can be exchanged by others on this machine" if one.is_folder else "can be read or written by others on this machine"
        yield warns("keys.modes", f"{one.path}", f"has mode {one.mode:04o}: what is in it {harm}", mend)

"""The key pairs that the platform issues, one for each institution (§2.3.3)."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from streams.errors import Misconfigured
from streams.seal import generate_key_pair, parse_private_key


def issue_keys(folder: Path, institutions: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """The private key of each institution in hex: the given one, the one in the folder, or a new one.

    Writes `<code>.pub` for the sender to load, and `<code>.key` (mode 0600) where it made the pair, so that a restart opens what
    was sealed before. Raises Misconfigured when the folder cannot be used or a key in it is none.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {code: _issue(folder, code, given.get(code)) for code in institutions}
    except OSError as error:
        raise Misconfigured(f"{folder}: keys cannot be kept here ({error.strerror}); give a folder that can be written") from error


def public_key_file(folder: Path, institution: str) -> Path:
    """Where the public key of an institution is."""
    return folder / f"{institution}.pub"


def _issue(folder: Path, institution: str, given: str | None) -> str:
    kept = folder / f"{institution}.key"
    if given is None and not kept.exists():
        _write_private(kept, f"{generate_key_pair().d:064x}")
    key = parse_private_key(given if given is not None else kept.read_text(encoding="ascii"))
    public_key_file(folder, institution).write_text(key.public.hex + "\n", encoding="ascii")
    return f"{key.d:064x}"


def _write_private(path: Path, text: str) -> None:
    """Write a key so that nobody else can read it, not even for a moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")

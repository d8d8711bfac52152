"""The key pairs that the platform issues, one for each institution (§2.3.3)."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from streams.bounded import KEY_BYTES, read_bounded
from streams.errors import Misconfigured
from streams.private_files import private_folder, write_private
from streams.seal import PrivateKey, generate_key_pair, key_text, parse_private_key, parse_public_key


def issue_keys(folder: Path, institutions: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """The private key of each institution in hex: the given one, the one in the folder, or a new one.

    Writes `<code>.pub` for the sender to load, and `<code>.key` where it made the pair, so that a restart opens what was sealed
    before; only we read both. Raises Misconfigured when the folder cannot be used, a key in it is none, or a `<code>.pub` there is
    not of this pair: it may be the one that the real platform mailed, and is left as it is.
    """
    try:
        if not folder.is_dir():
            private_folder(folder)
        return {code: _issue(folder, code, given.get(code)) for code in institutions}
    except OSError as error:
        raise Misconfigured(f"{folder}: keys cannot be kept here ({error.strerror}); give a folder that can be written") from error


def public_key_file(folder: Path, institution: str) -> Path:
    """Where the public key of an institution is."""
    return folder / f"{institution}.pub"


def _issue(folder: Path, institution: str, given: str | None) -> str:
    kept, public = folder / f"{institution}.key", public_key_file(folder, institution)
    is_new = given is None and not kept.exists()
    text = given if given is not None or is_new else key_text(read_bounded(kept, most=KEY_BYTES))
    key = generate_key_pair() if text is None else parse_private_key(text)
    if public.exists():
        _demand_half(public, key)
    if is_new:
        write_private(kept, f"{key.d:064x}\n")
    if not public.exists():
        write_private(public, f"{key.public.hex}\n")
    return f"{key.d:064x}"


def _demand_half(public: Path, key: PrivateKey) -> None:
    """Raises Misconfigured unless the file holds the public half of the key."""
    with suppress(Misconfigured):
        if parse_public_key(key_text(public.read_bytes())) == key.public:
            return
    raise Misconfigured(
        f"{public} is there and is not a key of the simulator's: it may be the real platform's, and is left as it is. Give the "
        "simulator a folder of its own with --keys"
    )

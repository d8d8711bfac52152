"""What stands on this machine: keys, secrets, folders, disks. Looked at, and judged elsewhere."""

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from streams.bounded import KEY_BYTES, read_bounded
from streams.errors import Misconfigured
from streams.mapping import Site
from streams.mapping.reporting import Institution
from streams.mapping.secret_files import secret_files
from streams.seal import PrivateKey, PublicKey, ReadKey, key_text, read_key
from yibao.doctor.disks import DiskFacts
from yibao.doctor.keys import FileFacts, KeyFacts


def keys_of(site: Site) -> Iterator[KeyFacts]:
    """Each institution's public keys; none where the site seals nothing."""
    for one in site.institutions if site.platform.encrypt else ():
        yield from (_key(one, file) for file in (one.public_key_file, one.next_public_key_file) if file is not None)


def _key(institution: Institution, file: Path) -> KeyFacts:
    try:
        public, problem = _public(_read(file)), ""
    except Misconfigured as fault:
        public, problem = None, f"{fault}"
    return KeyFacts(
        institution=institution.code,
        file=file,
        problem=problem,
        changed=datetime.fromtimestamp(file.stat().st_mtime, UTC) if file.exists() else None,
        stranger=None if public is None else _stranger(file, public),
    )


def _stranger(file: Path, public: PublicKey) -> Path | None:
    """A private key beside a public one, by the names that `yibao keys new` gives, that is not its other half."""
    private = file.with_name(file.name.replace(".public.", ".private."))
    if private == file or not private.is_file():
        return None
    try:
        return None if _public(_read(private)).fingerprint == public.fingerprint else private
    except Misconfigured:
        return private


def _read(file: Path) -> ReadKey:
    try:
        return read_key(key_text(read_bounded(file, most=KEY_BYTES)))
    except OSError as error:
        raise Misconfigured(f"{error.strerror}") from error


def _public(found: ReadKey) -> PublicKey:
    return found.key.public if isinstance(found.key, PrivateKey) else found.key


def closed_files_of(site: Site) -> Iterator[FileFacts]:
    """Secrets, private keys beside public ones, and the folders of both."""
    named = (file for one in site.institutions for file in (one.public_key_file, one.next_public_key_file))
    keys = [file for file in named if file is not None]
    private = [file.with_name(file.name.replace(".public.", ".private.")) for file in keys if ".public." in file.name]
    secrets = list(dict.fromkeys([*secret_files(site).values(), *private]))
    folders = dict.fromkeys(file.parent for file in (*secrets, *keys))
    for path in (*secrets, *folders):
        if path.exists():
            mode = path.stat().st_mode
            yield FileFacts(path=path, mode=stat.S_IMODE(mode), is_folder=stat.S_ISDIR(mode))


def disks_of(site: Site) -> Iterator[DiskFacts]:
    """Where workers keep their copies, and verbs the index of the dead letters; one that is not made yet is made above."""
    home = site.workers.home
    for purpose, folder in (("workers.home", home), ("the index of letters", home / "letters")):
        there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        usage = shutil.disk_usage(there)
        yield DiskFacts(purpose=purpose, folder=there, free=usage.free, total=usage.total, writable=os.access(there, os.W_OK))

"""The bytes of a POST: the records' array, sealed, in the envelope of interface §3.2.1."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import orjson

from streams.domain.batch.cut import Batch
from streams.domain.batch.msgid import check_institution
from streams.errors import Misconfigured
from streams.spec.profiles import Profile


class Sealed(NamedTuple):
    """What a batch was made to."""

    data: str
    """The text of `data`."""
    key: str
    """Fingerprint of the public key; `""` where nothing is encrypted."""


class Seal(Protocol):
    """What makes `data` of plain bytes: `streams.seal.Sealer`, or `Unsealed`."""

    @property
    def fingerprint(self) -> str:
        """Of the key; `""` where nothing is encrypted."""

    def seal(self, plain: bytes) -> str:
        """`plain` as the text of `data`."""


class Unsealed:
    """`data` as readable JSON. The interface allows it (§3.2.1); only for platforms that demand it, over a protected line."""

    fingerprint = ""

    def seal(self, plain: bytes) -> str:
        """`plain` as it is."""
        return plain.decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    """An institution that reports."""

    code: str
    """FIXMEDINS_CODE."""
    name: str
    """FIXMEDINS_NAME."""
    seal: Seal
    """Encrypts with the key that the platform issued to this institution (§2.3.3)."""
    next_seal: Seal | None = None
    """Encrypts with the key that follows, while both are live (`streams.deliver.key_overlap`)."""
    key: Callable[[], str] = lambda: ""
    """Tells file and fingerprint of the public key that is in force, for people."""


def check(institution: Institution, profile: Profile) -> None:
    """Raise Misconfigured where the envelope cannot name this institution: its code or its name (interface §3.2.1).

    Called at start. Its key is not looked at: one that does not encrypt holds this institution's batches, and no other's.
    """
    check_institution(institution.code)
    for member, value in (("fixmedins_code", institution.code), ("fixmedins_name", institution.name)):
        most = profile.envelope[member]
        if not 0 < len(value) <= most:
            raise Misconfigured(
                f"{member} of institution {institution.code} has {len(value)} characters, the envelope takes 1 to {most} "
                "(interface §3.2.1): correct it in site.yaml"
            )


def array(values: Iterable[bytes]) -> bytes:
    """The JSON array of these objects, byte for byte: an array even for one record (rule R21)."""
    return b"[" + b",".join(values) + b"]"


def sealed(batch: Batch, seal: Seal) -> Sealed:
    """The text of `data`. Encryption is randomised: two calls give two texts that open to the same bytes."""
    return Sealed(seal.seal(array(record.value for record in batch.records)), seal.fingerprint)


def envelope(batch: Batch, *, institution: Institution, msgid: str, data: str, profile: Profile) -> bytes:
    """The body of the POST, its members in the profile's order."""
    members = {
        "infno": batch.infno,
        "msgid": msgid,
        "fixmedins_code": institution.code,
        "fixmedins_name": institution.name,
        "data": data,
    }
    return orjson.dumps({name: members[name] for name in profile.envelope})

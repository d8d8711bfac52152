"""When the certificates in a file end. Read as far as that, and no further: whether they are trusted, TLS says."""

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Final

from streams.seal.der import NotDer, Reader

_PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----")
_VERSION, _INTEGER, _SEQUENCE, _UTC_TIME, _GENERAL_TIME = 0xA0, 0x02, 0x30, 0x17, 0x18


def first_end(content: bytes) -> float | None:
    """Seconds since the epoch at which the first certificate of a PEM file ends; None where none of them can be read."""
    ends = [end for body in _PEM.findall(content) if (end := _end_of(body)) is not None]
    return min(ends, default=None)


def _end_of(body: bytes) -> float | None:
    try:
        certificate = Reader(base64.b64decode(body)).enter().enter()
        if certificate.tag == _VERSION:
            certificate.take(_VERSION)
        certificate.take(_INTEGER)  # serial number
        certificate.take(_SEQUENCE)  # algorithm
        certificate.take(_SEQUENCE)  # issuer
        validity = certificate.enter()
        validity.take(validity.tag or 0)  # begin
        kind = validity.tag or 0
        return _moment(kind, validity.take(kind).decode("ascii"))
    except (NotDer, ValueError, binascii.Error):
        return None


def _moment(kind: int, text: str) -> float:
    """Raises ValueError for what is no time of X.509: `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from then on."""
    if kind == _UTC_TIME:
        text = f"{20 if int(text[:2]) < 50 else 19}{text}"
    elif kind != _GENERAL_TIME:
        raise ValueError(f"tag {kind} is no time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()

"""Why a platform's certificate is not trusted, and who mends that: a wrong name, a date and an unknown authority have nothing in
common but the alarm.
"""

import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp

from streams.deliver.causes import HoldCause
from streams.deliver.remedies import REBINDING
from streams.deliver.verdict import Held

# OpenSSL's X509_V_ERR_…, which the ssl module hands on as numbers.
_NAME: Final = frozenset({62, 64})
_AUTHORITY: Final = frozenset({2, 19, 20, 21})
_RENEW: Final = "have the platform's certificate renewed"
_OTHERS: Final[Mapping[int, tuple[str, str]]] = {
    9: ("is not valid yet", f"set this machine's clock; where it is right, {_RENEW}"),
    10: ("has expired, or its authority's has", f"look at this machine's clock; where it is right, {_RENEW}"),
    18: (
        "is signed by itself",
        "where it really is the platform's, let platform.ca_file name a file with it, and restart the worker",
    ),
    23: ("is revoked", _RENEW),
}


def distrusted(error: Exception) -> Held:
    """The hold of a certificate that the check refused. Its own names are not told: whoever answers there chose them."""
    told = error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error
    code = told.verify_code if isinstance(told, ssl.SSLCertVerificationError) else 0
    why, mend = _reason(code)
    if not why:
        why = f"is not trusted ({getattr(told, 'verify_message', '') or 'no reason'})"
    return Held(cause=HoldCause.CERTIFICATE, message=f"the platform's certificate {why}", remedy=mend)


def _reason(code: int) -> tuple[str, str]:
    """What is wrong with it, and what mends that; nothing for a code without a line of its own."""
    if code in _NAME:
        mend = f"have one made out to this host, or write into platform.url the host that it names ({REBINDING})"
        return "is made out to another host than platform.url names", mend
    if code in _AUTHORITY:
        why = "is signed by an authority that nobody here knows, or the server leaves out the certificates between"
        return why, "let platform.ca_file name the authority's certificates, and restart the worker"
    return _OTHERS.get(code, ("", ""))

"""SM2 by OpenSSL 3's libcrypto, through ctypes: the only place that knows its functions and frees what they give.

Calls release the interpreter lock. A `Handle` may be used from several threads at once (OpenSSL counts references); what one call
needs besides is made and freed within it.
"""

import ctypes
import ctypes.util
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Final

from streams.errors import Fatal, Misconfigured

_OLDEST: Final = 0x30000000
_NAMES: Final = ("libcrypto.so.3", "libcrypto.3.dylib")
# DER around the content: tags, lengths and two coordinates with a sign byte.
_FRAME_BYTES: Final = 128
_REMEDY: Final = (
    "install OpenSSL 3 built with SM2 (Debian and Ubuntu: libssl3 or libssl3t64, Alpine: libcrypto3; "
    "Red Hat and Fedora build OpenSSL without SM2: use the container image there)"
)

_POINTER: Final = ctypes.c_void_p
_BYTES: Final = ctypes.c_char_p
_SIZE: Final = ctypes.c_size_t
_SIZE_OUT: Final = ctypes.POINTER(ctypes.c_size_t)
_BYTES_OUT: Final = ctypes.POINTER(ctypes.c_void_p)

_SIGNATURES: Final = {
    "OpenSSL_version_num": (ctypes.c_ulong, ()),
    "ERR_peek_last_error": (ctypes.c_ulong, ()),
    "ERR_error_string_n": (None, (ctypes.c_ulong, ctypes.c_char_p, _SIZE)),
    "ERR_clear_error": (None, ()),
    "CRYPTO_free": (None, (_POINTER, _BYTES, ctypes.c_int)),
    "d2i_PUBKEY": (_POINTER, (_BYTES_OUT, ctypes.POINTER(_BYTES), ctypes.c_long)),
    "d2i_AutoPrivateKey": (_POINTER, (_BYTES_OUT, ctypes.POINTER(_BYTES), ctypes.c_long)),
    "i2d_PUBKEY": (ctypes.c_int, (_POINTER, _BYTES_OUT)),
    "EVP_PKEY_is_a": (ctypes.c_int, (_POINTER, _BYTES)),
    "EVP_PKEY_free": (None, (_POINTER,)),
    "EVP_PKEY_CTX_new_from_pkey": (_POINTER, (_POINTER, _POINTER, _BYTES)),
    "EVP_PKEY_CTX_free": (None, (_POINTER,)),
    "EVP_PKEY_encrypt_init": (ctypes.c_int, (_POINTER,)),
    "EVP_PKEY_encrypt": (ctypes.c_int, (_POINTER, _POINTER, _SIZE_OUT, _BYTES, _SIZE)),
    "EVP_PKEY_decrypt_init": (ctypes.c_int, (_POINTER,)),
    "EVP_PKEY_decrypt": (ctypes.c_int, (_POINTER, _POINTER, _SIZE_OUT, _BYTES, _SIZE)),
}


@cache
def library() -> ctypes.CDLL:
    """OpenSSL's libcrypto with its functions declared. Raises Misconfigured where there is none, or one older than 3.0."""
    candidate = _find()
    if candidate is None:
        raise Misconfigured(f"OpenSSL's libcrypto was not found; {_REMEDY}")
    try:
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(candidate, name)
            function.restype = result
            function.argtypes = arguments
    except AttributeError as error:
        raise Misconfigured(f"OpenSSL's libcrypto is older than 3.0 or not OpenSSL's ({error}); {_REMEDY}") from error
    version = int(candidate.OpenSSL_version_num())
    if version < _OLDEST:
        raise Misconfigured(f"OpenSSL {version >> 28}.{version >> 20 & 0xFF} is too old for SM2; {_REMEDY}")
    return candidate


def library_version() -> str:
    """The version of the libcrypto that seals, as OpenSSL writes it: `3.0.2`. Raises Misconfigured as `library` does."""
    number = int(library().OpenSSL_version_num())
    return f"{number >> 28}.{number >> 20 & 0xFF}.{number >> 4 & 0xFF}"


def _find() -> ctypes.CDLL | None:
    for name in _NAMES:
        with suppress(OSError):
            return ctypes.CDLL(name)
    found = ctypes.util.find_library("crypto")
    if found is not None:
        with suppress(OSError):
            return ctypes.CDLL(found)
    return None


class Handle:
    """A key inside OpenSSL, freed when this object goes."""

    __slots__ = ("__weakref__", "_pointer")

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer
        # Not at exit: there the process gives everything back, and OpenSSL may have cleaned up already.
        weakref.finalize(self, library().EVP_PKEY_free, pointer).atexit = False

    @classmethod
    def public(cls, spki: bytes) -> "Handle":
        """From an X.509 SubjectPublicKeyInfo."""
        return cls._load("d2i_PUBKEY", spki)

    @classmethod
    def private(cls, pkcs8: bytes) -> "Handle":
        """From a PKCS#8 PrivateKeyInfo; the public key is computed when it holds none."""
        return cls._load("d2i_AutoPrivateKey", pkcs8)

    @classmethod
    def _load(cls, function: str, der: bytes) -> "Handle":
        crypto = library()
        pointer = getattr(crypto, function)(None, ctypes.byref(_BYTES(der)), len(der))
        reason = _reason(crypto)
        if not pointer:
            raise Misconfigured(f"OpenSSL does not take this SM2 key ({reason}); if every key fails, {_REMEDY}")
        handle = cls(int(pointer))
        if not crypto.EVP_PKEY_is_a(pointer, b"SM2"):
            raise Misconfigured(f"OpenSSL takes this key for another kind than SM2; {_REMEDY}")
        return handle

    def spki(self) -> bytes:
        """The public key as X.509 SubjectPublicKeyInfo."""
        crypto = library()
        out = ctypes.c_void_p()
        size = int(crypto.i2d_PUBKEY(self._pointer, ctypes.byref(out)))
        if size <= 0 or out.value is None:
            raise Fatal(f"OpenSSL cannot write out a public key ({_reason(crypto)})")
        try:
            return ctypes.string_at(out.value, size)
        finally:
            crypto.CRYPTO_free(out, None, 0)

    def encrypt(self, plain: bytes) -> bytes:
        """The ciphertext as OpenSSL writes it: DER SEQUENCE of x, y, C3, C2. Raises Fatal when OpenSSL fails."""
        crypto = library()
        with self._context() as context:
            if crypto.EVP_PKEY_encrypt_init(context) != 1:
                raise Fatal(f"OpenSSL cannot encrypt by SM2 ({_reason(crypto)}); {_REMEDY}")
            sealed = _run(crypto.EVP_PKEY_encrypt, context, plain)
        if sealed is None:
            raise Fatal(f"OpenSSL failed to encrypt {len(plain)} bytes by SM2 ({_reason(crypto)})")
        return sealed

    def decrypt(self, sealed: bytes) -> bytes | None:
        """The plain bytes of a DER ciphertext; None when it was altered or made for another key."""
        crypto = library()
        with self._context() as context:
            if crypto.EVP_PKEY_decrypt_init(context) != 1:
                raise Fatal(f"OpenSSL cannot decrypt by SM2 ({_reason(crypto)}); {_REMEDY}")
            plain = _run(crypto.EVP_PKEY_decrypt, context, sealed)
        # What failed must not stay in the thread's error queue: Python's TLS would take it for its own.
        crypto.ERR_clear_error()
        return plain

    @contextmanager
    def _context(self) -> Iterator[int]:
        crypto = library()
        context = crypto.EVP_PKEY_CTX_new_from_pkey(None, self._pointer, None)
        if not context:
            raise Fatal(f"OpenSSL has no context for an SM2 key ({_reason(crypto)}); {_REMEDY}")
        try:
            yield int(context)
        finally:
            crypto.EVP_PKEY_CTX_free(context)


def _run(operation: "ctypes._NamedFuncPointer", context: int, content: bytes) -> bytes | None:
    size = ctypes.c_size_t(len(content) + _FRAME_BYTES)
    out = ctypes.create_string_buffer(size.value)
    if operation(context, out, ctypes.byref(size), content, len(content)) != 1:
        return None
    return ctypes.string_at(out, size.value)


def _reason(crypto: ctypes.CDLL) -> str:
    """OpenSSL's words for the last failure of this thread; the queue is empty afterwards."""
    code = int(crypto.ERR_peek_last_error())
    words = ctypes.create_string_buffer(256)
    crypto.ERR_error_string_n(code, words, len(words))
    crypto.ERR_clear_error()
    return words.value.decode("ascii", "replace") if code else "no reason given"

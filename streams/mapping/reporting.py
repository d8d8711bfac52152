"""The parts of `site.yaml` that say who reports, and to which platform."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from streams.mapping.answering import Answers
from streams.mapping.maintaining import Maintenance
from streams.mapping.names import Name
from streams.mapping.strict import Code, Strict
from streams.mapping.values import FilePath, Form, PlatformProxy, PlatformUrl, is_loopback, number
from streams.spec.fields import ServiceCode
from streams.spec.infno import CareKind
from streams.spec.profiles import REPORTING

FixmedinsCode = Annotated[str, Form(r"^[HP]\d{11}$", "H (hospital) or P (pharmacy) and 11 digits")]
Infno = Annotated[str, Form(r"^[0-9A-Z]{4}$", "4 digits or capital letters")]
_OURS = frozenset({"accept-encoding", "connection", "content-length", "content-type", "cookie", "host", "transfer-encoding"})
MsgidChars = Annotated[Literal[32, 36], BeforeValidator(number)]
HeaderName = Annotated[str, Form(r"^[A-Za-z0-9-]{1,64}$", "at most 64 letters, digits and `-`")]


class Institution(Strict):
    """One institution that reports."""

    code: FixmedinsCode
    """FIXMEDINS_CODE: H (hospital) or P (pharmacy), 6 digits of area, 5 of serial number."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    """FIXMEDINS_NAME; the envelope allows 100 characters."""
    his_codes: tuple[Code, ...] = ()
    """Values by which rows of the hospital's databases name this institution, besides `code`."""
    public_key_file: FilePath | None = None
    """SM2 public key that the platform issued for this institution. Required while `platform.encrypt` is on."""
    next_public_key_file: FilePath | None = None
    """The key that follows `public_key_file`, while the platform changes them: what it does not open with one is sealed with the
    other. When all is sealed with this one, make it `public_key_file` and leave this out."""
    area: Annotated[str, Form(r"^\d{6}$", "6 digits")] | None = None
    """FIX_BLNG_ADMDVS; default: the 6 digits of `code`."""
    level: Code | None = None
    """HOSP_LV."""
    values: Mapping[Name, Code] = Field(default_factory=dict)
    """Further values that mappings read as `{institution: value.NAME}`."""

    @property
    def kind(self) -> Literal["hospital", "pharmacy"]:
        """Hospital or pharmacy, by the letter of the code."""
        return "hospital" if self.code.startswith("H") else "pharmacy"


class SealEncoding(Strict):
    """How the platform wants SM2 ciphertext. `yibao keys sample` prints one in all forms."""

    order: Literal["C1C3C2", "C1C2C3", "ASN1"] = "C1C3C2"
    """Order of point, digest and cipher. ASN1: the SEQUENCE of GM/T 0009, which holds them in the order of C1C3C2."""
    prefix: bool = True
    """Whether the point starts with 04. Not with ASN1, which has no such byte."""
    text: Literal["hex", "upper-hex", "base64"] = "hex"
    """How the bytes are written; hex in lower case. Base64 carries half as many rows again."""

    @model_validator(mode="after")
    def _one_layout(self) -> Self:
        if self.order == "ASN1" and "prefix" in self.model_fields_set:
            raise ValueError("`prefix` says how a bare point begins, and ASN1 has none: leave it out")
        return self


class InFlight(Strict):
    """Requests that may be under way at once."""

    total: Annotated[int, Field(ge=1)] = 12
    """To the platform in all."""
    per_institution: Annotated[int, Field(ge=1)] = 4
    """For one institution."""


class Platform(Strict):
    """The supervision platform."""

    url: Annotated[PlatformUrl, AfterValidator(REPORTING.address_of)]
    """Address up to, but without, `/metadata/receive/` (an address that ends in it is understood). https where the platform has it:
    over http `data` is sealed, but answers can be forged."""
    ca_file: FilePath | None = None
    """Certificates of the authority that signed the platform's certificate. Left out: those that this machine trusts."""
    proxy: PlatformProxy | None = None
    """Proxy on the way to the platform, `http://host:port`. Never taken from the environment."""
    headers: Mapping[HeaderName, FilePath] = Field(default_factory=dict)
    """Headers sent along with every request, such as an authorisation: name: file with the value."""
    encrypt: bool = True
    """Seal `data` with SM2. Switching it off needs `insecure` unless the platform is on this host."""
    insecure: bool = False
    """Allow plain patients' data, or the `headers`, to leave this host unencrypted."""
    encoding: SealEncoding = SealEncoding()
    """Form of the ciphertext."""
    max_chars: Annotated[int, Field(ge=1000)] = REPORTING.max_chars
    """Longest `data` in characters after encryption (interface §3.2.1)."""
    max_rows: Annotated[int, Field(ge=1, le=1000)] = REPORTING.max_rows
    """Most rows of one request (guide: 100)."""
    timeout_s: Annotated[float, Field(gt=0)] = 30.0
    """Longest wait for one answer; afterwards its outcome is unknown and the same bytes go again."""
    in_flight: InFlight = InFlight()
    """Requests under way at once."""
    rate_per_s: Annotated[float, Field(gt=0)] | None = None
    """Most requests a second from one worker. Left out: no limit. `yibao limits` sets one for all workers together."""
    msgid_chars: MsgidChars = 32
    """Length of a msgid: 32 (interface §3.2.1), or 36 where the platform counts "12 + 24". Change it only while the lag is 0."""
    msgid_memory_s: Annotated[int, Field(ge=0)] = 0
    """How long the platform surely remembers a msgid. A request whose outcome is unknown for longer holds its lane instead of being
    repeated, because the platform might take it as a new one. `0`: for ever."""
    repeats_refused: bool = False
    """The platform answers "repeated" also to a msgid that it refused. "Repeated" after an unknown outcome then holds the lane."""
    first_repeated_accepted: bool = False
    """ "Repeated" to the first POST of a msgid counts as accepted. Without it such an answer holds the institution, through every
    restart, because another sender may use the msgid. Only after the platform was asked and has the records, because something on
    the way posts twice (docs/doubles.md)."""
    answers: Answers = Answers()
    """What its answers mean, where they say it otherwise than the interface."""
    infno: Mapping[ServiceCode, Mapping[CareKind, Infno]] = Field(default_factory=dict)
    """Envelope's `infno` by service and kind of row, where the platform wants other than the national codes."""
    blank: Literal["omit", "empty"] = "omit"
    """Optional fields without a value: left out, or sent as empty text."""
    maintenance: Maintenance = Maintenance()
    """When it is maintained."""
    capital_x: bool = True
    """A lower-case `x` that ends a resident ID (CERTNO, MDTRT_CERT_NO) is written as `X`, as GB 11643 has it."""

    @model_validator(mode="after")
    def _secure(self) -> Self:
        if ours := [name for name in self.headers if name.lower() in _OURS]:
            raise ValueError(f"`headers` cannot set {', '.join(ours)}: every request has its own")
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if self.insecure or is_loopback(host):
            return self
        if not self.encrypt:
            raise ValueError(f"plain patients' data would go to {host}; leave `encrypt: true`, or write `insecure: true`")
        if self.headers and parts.scheme == "http":
            raise ValueError(f"`headers` would go to {host} for everybody on the way to read; use https, or write `insecure: true`")
        return self

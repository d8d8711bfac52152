"""What a platform's protocol is: path, envelope, limits, answers, services, as one value.

Request, limits, mapping and the meaning of answers are read from it, so that a second protocol is a second `Profile` and no second
lane. The platform simulator is not: it judges by tables of its own, so that it cannot share a slip in these.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from streams.spec.answers import ANSWERS, Answer, AnswerClass
from streams.spec.fields import Service, ServiceCode
from streams.spec.interface import SERVICES


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerForm:
    """How a platform writes its answers, where that is known."""

    code_at: tuple[str, ...] = ()
    """Members that lead to the code, from the outermost one; `()`: any of the profile's `code_names`, and no two may differ."""
    text_at: tuple[str, ...] = ()
    """Members that lead to the words; `()`: any of the profile's `text_names`, beside the code."""
    charset: str = ""
    """Of the body; `""`: UTF-8, and where it is none GB18030."""
    in_string: bool = False
    """The JSON object stands as text in a JSON string."""
    harmless: frozenset[str] = frozenset()
    """Words that are no complaint, although they read like one."""
    harmless_members: tuple[tuple[str, ...], ...] = ()
    """Paths of members that say nothing of the outcome, with all that stands in them; `*` is any name."""
    harmless_statuses: tuple[int, ...] = ()
    """HTTP statuses of an accepting answer, beside the plain ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The protocol of a platform."""

    name: str
    """Its name."""
    path: str
    """Of the POST below the platform's address, with `{service}`."""
    envelope: Mapping[str, int]
    """The members of the body in order, and the most characters each may have; of `data` as it is sent, after sealing."""
    max_rows: int
    """Most records in one `data` array."""
    services: Mapping[ServiceCode, Service]
    """What can be reported."""
    answers: Mapping[str, Answer]
    """Every code that the protocol or the site names."""
    general_code: str
    """The code whose text alone says what is wrong."""
    code_names: tuple[str, ...]
    """Members of an answer that may hold its code. Where two of them differ, it says nothing."""
    text_names: tuple[str, ...]
    """Members of an answer that may hold its text; the first match counts."""
    form: AnswerForm = AnswerForm()
    """How answers are written."""

    def __hash__(self) -> int:
        """By its name: so that what an answer says under it can be remembered, although its members are mappings."""
        return hash(self.name)

    def path_of(self, service: ServiceCode) -> str:
        """The path that records of `service` are posted to."""
        return self.path.format(service=service)

    @property
    def max_chars(self) -> int:
        """Most characters of `data`."""
        return self.envelope["data"]

    @property
    def msgid_chars(self) -> int:
        """Characters of a msgid."""
        return self.envelope["msgid"]

    def classify(self, code: str) -> AnswerClass:
        """The class of a code; UNKNOWN for one that neither the protocol nor the site names, however high or low it is."""
        known = self.answers.get(code)
        return AnswerClass.UNKNOWN if known is None else known.answer_class

    def address_of(self, url: str) -> str:
        """The platform's address in `url`, which may go on to the path of the services, as platforms' own papers write it.

        Raises ValueError where it goes on to something else: nothing would be at the address that would be made of it.
        """
        parts = urlsplit(url)
        if parts.query or parts.fragment:
            raise ValueError("has a query or a fragment; an address is http(s)://host[:port][/path]")
        head = self.path.partition("{")[0].rstrip("/")
        before, path, after = url.partition(head)
        service = after.strip("/")
        if path and not (service in ("", *self.services) or service.startswith(("{", ":", "<"))):
            raise ValueError(f"goes on after {head}; write the address up to, but without, {head}/")
        return before.rstrip("/")


REPORTING: Final = Profile(
    name="reporting-2.0",
    path="/metadata/receive/{service}",
    envelope=MappingProxyType({"infno": 4, "msgid": 32, "fixmedins_code": 30, "fixmedins_name": 100, "data": 50_000}),
    max_rows=100,
    services=SERVICES,
    answers=ANSWERS,
    general_code="40000",
    code_names=("code", "infcode", "status", "resultCode"),
    text_names=("message", "msg", "err_msg", "errmsg", "resultMsg", "error", "errorMsg"),
)
"""The reporting interface v2.0: §3 (path), §3.2.1 (envelope), §3.2.4 (codes). Its answers have no described shape, hence the
names seen in the field; the limit of 100 rows is the national guide's."""

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
    answers: Mapping[int, Answer]
    """Every code that the protocol names."""
    general_code: int
    """The code whose text alone says what is wrong."""
    lowest_refusal: int
    """From this code on, a code that the protocol does not name refuses the content."""
    code_names: tuple[str, ...]
    """Members of an answer that may hold its code; the first match counts."""
    text_names: tuple[str, ...]
    """Members of an answer that may hold its text; the first match counts."""

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

    def classify(self, code: int) -> AnswerClass:
        """The class of a code. One that the protocol does not name refuses the content from `lowest_refusal` on; a lower one says
        nothing of the outcome (RETRY).
        """
        known = self.answers.get(code)
        if known is not None:
            return known.answer_class
        return AnswerClass.REFUSED if code >= self.lowest_refusal else AnswerClass.RETRY

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
    general_code=40_000,
    lowest_refusal=40_000,
    code_names=("code", "infcode", "status", "resultCode"),
    text_names=("message", "msg", "err_msg", "errmsg"),
)
"""The reporting interface v2.0: §3 (path), §3.2.1 (envelope), §3.2.4 (codes). Its answers have no described shape, hence the
names seen in the field; the limit of 100 rows is the national guide's."""

"""What a platform's protocol is: path, envelope, limits, answers, services, as one value.

Deliver and the platform simulator read everything from here, so that a second protocol is a second `Profile` and no second lane.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from streams.spec.answers import ANSWERS, Answer
from streams.spec.fields import Service, ServiceCode
from streams.spec.interface import SERVICES


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One protocol.

    path: of the POST below the platform's address, with `{service}`. envelope: the members of the body in order and the most
    characters each may have. max_chars: characters of `data` as sent, after sealing. max_rows: records in one `data` array.
    code_names: members of an answer that may hold its code, first match wins; text_names: the same for its text.
    """

    name: str
    path: str
    envelope: Mapping[str, int]
    max_chars: int
    max_rows: int
    services: Mapping[ServiceCode, Service]
    answers: Mapping[int, Answer]
    code_names: tuple[str, ...]
    text_names: tuple[str, ...]

    def path_of(self, service: ServiceCode) -> str:
        """The path that records of `service` are posted to."""
        return self.path.format(service=service)


REPORTING: Final = Profile(
    name="reporting-2.0",
    path="/metadata/receive/{service}",
    envelope=MappingProxyType({"infno": 4, "msgid": 32, "fixmedins_code": 30, "fixmedins_name": 100, "data": 50_000}),
    max_chars=50_000,
    max_rows=100,
    services=SERVICES,
    answers=ANSWERS,
    code_names=("code", "infcode", "status", "resultCode"),
    text_names=("message", "msg", "err_msg", "errmsg"),
)
"""The reporting interface v2.0: §3 (path), §3.2.1 (envelope), §3.2.4 (codes). Its answers have no described shape, hence the
names seen in the field; the limit of 100 rows is the national guide's."""

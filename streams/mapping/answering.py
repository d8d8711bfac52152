"""What a site says of its platform's answers, and the table that this makes of the protocol's."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from streams.mapping.strict import Strict
from streams.mapping.values import Form
from streams.spec.answers import Answer, AnswerClass, spelt
from streams.spec.profiles import REPORTING, AnswerForm, Profile

_SUCCESS, _REPEATED = "200", "40005"
_MEANINGS = {
    "accepted": AnswerClass.ACCEPTED,
    "refused": AnswerClass.REFUSED,
    "retry": AnswerClass.RETRY,
    "hold": AnswerClass.HELD,
}


def _code(value: object) -> object:
    return spelt(value) if isinstance(value, str | int | float) else value


AnswerCode = Annotated[
    str,
    Form(r"^[^\s]{1,16}$", "a code of at most 16 characters, without blanks"),
    BeforeValidator(_code),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
]
"""A code in one spelling: `0`, `"0"` and `"0000"` are the same."""
MemberPath = Annotated[
    str, Form(r"^[^\s.]{1,64}(\.[^\s.]{1,64}){0,3}$", "a member's name such as `infcode`, or up to four with dots: `data.code`")
]

SuccessStatus = Annotated[int, Field(ge=200, le=299)]


class Answers(Strict):
    """What the platform's answers mean, where they say it otherwise than the interface (§3.2.4). A code that stands neither there
    nor here holds its lane. `0`, `"0"` and `"0000"` are the same code.
    """

    accepted: tuple[AnswerCode, ...] = ()
    """Codes that mean success, beside 200: `[0]`. Where success is a flag, name it as `code` and write `[true]`."""
    refused: tuple[AnswerCode, ...] = ()
    """Codes that refuse the content: the record is found and becomes a dead letter."""
    retry: tuple[AnswerCode, ...] = ()
    """Codes of a fault that passes: the same bytes go again under the same msgid."""
    hold: tuple[AnswerCode, ...] = ()
    """Codes of a wrong key, permission or registration: no record is to blame, the lane is held."""
    code: MemberPath | None = None
    """Where the code stands: `infcode`, or `data.code` further inside. Then it stands nowhere else, and only a code that is
    known to say otherwise contradicts it there. Left out: `code`, `infcode`, `status` or `resultCode`, and an answer in which two
    of them differ, or one stands further inside, holds the lane."""
    text: MemberPath | None = None
    """Where the words stand. Left out: the usual names, beside the code."""
    harmless: tuple[str, ...] = ()
    """Words that an accepting answer may carry although they read like an error, each the whole text."""
    harmless_members: tuple[MemberPath, ...] = ()
    """Members that say nothing of the outcome, with all that stands in them, although they read like a code or a complaint:
    `[failRate, data.status]`. Lists are passed through, `*` is any name (`data.*`)."""
    harmless_statuses: tuple[SuccessStatus, ...] = ()
    """HTTP statuses with which an accepting answer may come, beside 200, 201 and 203: `[202]`."""
    encoding: Literal["auto", "utf-8", "gb18030"] = "auto"
    """Characters of an answer. `auto`: UTF-8, and where it is none GB18030, of which GBK and GB2312 are parts."""
    in_string: bool = False
    """The JSON of an answer is itself the text of a JSON string."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.code in self.harmless_members:
            raise ValueError(f"`harmless_members` names {self.code}, where the code stands")
        found: dict[str, str] = {}
        for meaning, code in self._written():
            if code == _REPEATED:
                raise ValueError(f"`{meaning}` names {code}, whose meaning is fixed: repeated (see `platform.repeats_refused`)")
            if (before := found.setdefault(code, meaning)) != meaning:
                raise ValueError(f"code {code} is both `{before}` and `{meaning}`")
        if found.get(_SUCCESS, "accepted") != "accepted" and not (set(self.accepted) - {_SUCCESS}):
            raise ValueError(
                f"`{found[_SUCCESS]}` names {_SUCCESS}, the interface's success, and `accepted` names no other code: nothing would "
                "ever be accepted"
            )
        return self

    def _written(self) -> Iterator[tuple[str, str]]:
        for meaning in _MEANINGS:
            for code in getattr(self, meaning):
                yield meaning, code

    def profile(self) -> Profile:
        """The protocol with these answers: one table of codes, the site's before the interface's."""
        codes = {code: _answer(code, _MEANINGS[meaning], REPORTING.answers) for meaning, code in self._written()}
        form = AnswerForm(
            code_at=tuple(self.code.split(".")) if self.code else (),
            text_at=tuple(self.text.split(".")) if self.text else (),
            charset="" if self.encoding == "auto" else self.encoding,
            in_string=self.in_string,
            harmless=frozenset(text.strip() for text in self.harmless),
            harmless_members=tuple(tuple(path.split(".")) for path in self.harmless_members),
            harmless_statuses=self.harmless_statuses,
        )
        return replace(REPORTING, answers=MappingProxyType({**REPORTING.answers, **codes}), form=form)


def _answer(code: str, kind: AnswerClass, interface: Mapping[str, Answer]) -> Answer:
    """A row of the table. One that says what the interface says keeps the interface's words."""
    known = interface.get(code)
    return known if known and known.answer_class is kind else Answer(code=code, meaning="", remedy="", answer_class=kind)

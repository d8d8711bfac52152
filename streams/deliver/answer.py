"""What a platform's answer says, in whatever shape it comes.

The interface describes codes (§3.2.4) but no shape. Seen in the field: codes as numbers and as text, four names for the code, seven
for the text, `{"errcode": "ACG.1401"}` from a gateway in front, pages of HTML from a proxy, GBK where UTF-8 is promised, and JSON
inside of a JSON string.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from streams.deliver.members import Members, Walk, parsed, whole
from streams.deliver.places import Place, places_of
from streams.deliver.shapes import MAX_BODY_BYTES, shape_of
from streams.deliver.signs import NO_SIGNS, Signs, signs_of, told, words_in
from streams.spec.answers import is_number, spelt
from streams.spec.masking import HIDDEN, mask_text
from streams.spec.profiles import Profile

_SHORT: Final = 1000
"""Bytes of a body that is remembered: a platform says the same of every batch that it takes."""
_GATEWAY_NAME = "errcode"
_MOST_CODE = 16
_HTML = re.compile(r"<(!doctype html|html|head|body|title|script)\b", re.IGNORECASE)
_BEGINNING = 1000
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,500})", re.IGNORECASE)
_LOGIN = re.compile(r"type\s*=\s*[\"']?password|登录|登陆|身份认证|\blog ?in\b|\bsign ?in\b", re.IGNORECASE)
_CODE = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    """At most one byte more than `MAX_BODY_BYTES`, which tells that it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the body of an answer says."""

    code: str | None = None
    """The platform's code, a number without zeros in front (`0000` is `0`); None where there is none."""
    text: str = ""
    """The platform's words; `""` where there are none."""
    inside: str = ""
    """Where `code` stands further inside, and none outside, as it may be told; `""` where that is not so."""
    signs: Signs = NO_SIGNS
    """What else it says of success or failure."""
    in_string: bool = False
    """Whether all of it is the text of a JSON string, although the platform is not known for that."""
    gateway_code: str = ""
    """Code of a gateway that answered in the platform's place; `""` where none did."""
    page: bool = False
    """Whether it is a page for people; its title is `text`."""
    login: bool = False
    """Whether that page asks who is there."""
    shape: str = ""
    """What came, in a word of ours; `""` where that is an answer with a code, or a page."""


def read_body(body: bytes, profile: Profile) -> Said:
    """What `body` says. Nothing but its `shape` for plain text, invalid or cut JSON, and anything that is neither an object nor a
    page.
    """
    return _remembered(body, profile) if len(body) <= _SHORT else _read(body, profile)


@lru_cache(32)
def _remembered(body: bytes, profile: Profile) -> Said:
    return _read(body, profile)


def _read(body: bytes, profile: Profile) -> Said:
    text, cut = _decoded(body, profile.form.charset), len(body) > MAX_BODY_BYTES
    found = None if cut else parsed(text)
    wrapped = isinstance(found, str) and isinstance(inner := parsed(found), Members)
    if wrapped:
        found = inner
    if not isinstance(found, Members):
        return _page(text, shape_of(text, found, cut=cut))
    said = _at(found, profile) if profile.form.code_at else _anywhere(found, profile)
    if said.code is None:
        said = replace(said, shape=shape_of(text, found, cut=False))
    return said if not wrapped or profile.form.in_string else Said(code=said.code, text=said.text, shape=said.shape, in_string=True)


def shown_code(code: str) -> str:
    """A code as it may be told and logged: a short sign, and nothing of what could be a person's number or name."""
    return code if len(code) <= _MOST_CODE and _is_shown(code) else HIDDEN


@lru_cache(64)
def _is_shown(code: str) -> bool:
    return _CODE.fullmatch(code) is not None and mask_text(code) == code


def _anywhere(found: Members, profile: Profile) -> Said:
    """Of an object whose form nobody described: the code under any of the names, and whatever contradicts it."""
    names = tuple(name for name in profile.code_names if (name,) not in profile.form.harmless_members)
    codes, words = _codes(found, names)
    code = next(iter(codes), next(iter(words), None))
    inside, at = _only_inside(found, profile) if code is None else (None, "")
    return Said(
        code=inside if code is None else code,
        inside=at,
        text=_first_text(found, profile.text_names) or words_in(found, profile),
        signs=signs_of(code or inside, found, profile),
        gateway_code="" if code is not None else _text(found.get(_GATEWAY_NAME)),
    )


def _only_inside(found: Members, profile: Profile) -> tuple[str | None, str]:
    """The code of an object one step further in, and its member."""
    codes: list[tuple[str, tuple[str, ...]]] = []

    def take(place: Place, value: object, _owner: Members, _inner: object) -> None:
        code = spelt(value) if place.code_name and len(place.path) == 2 else None
        if code is not None and is_number(code):
            codes.append((code, place.path))

    Walk(found, places_of(profile), take)
    return (min(codes)[0], told(min(codes)[1])) if codes else (None, "")


def _at(found: Members, profile: Profile) -> Said:
    """Of an object in which the site says where the code stands: no other place is looked at for one."""
    form = profile.form
    beside, value = found.at(form.code_at)
    code = spelt(value)
    text = _text(found.at(form.text_at)[1]) if form.text_at else ""
    return Said(
        code=code,
        text=text or _first_text(beside or found, profile.text_names) or _first_text(found, profile.text_names),
        signs=signs_of(code, found, profile),
        gateway_code="" if code is not None else _text(found.get(_GATEWAY_NAME)),
    )


def _codes(found: Members, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The codes under these names: numbers, and other words, each in the order of the names."""
    codes = [code for name in names if (code := spelt(found.get(name))) is not None]
    numbers = [code for code in codes if is_number(code)]
    return numbers, [code for code in codes if code not in numbers]


def _first_text(found: Members, names: tuple[str, ...]) -> str:
    return next((words for name in names if (words := _text(found.get(name)))), "")


def _text(value: object) -> str:
    if isinstance(value, str):
        return whole(value.strip())
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _page(text: str, shape: str) -> Said:
    if not _HTML.search(text[:_BEGINNING]):
        return Said(shape=shape)
    title = _TITLE.search(text)
    return Said(page=True, login=_LOGIN.search(text) is not None, text=" ".join(title[1].split()) if title else "")


def _decoded(body: bytes, charset: str) -> str:
    if charset:
        return body.decode("utf-8-sig" if charset == "utf-8" else charset, errors="replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("gb18030", errors="replace")

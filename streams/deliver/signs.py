"""What an answer says of success or failure beside its code: flags, complaints, words, and codes further inside.

None of it settles a record. It only tells whether the code may be believed: an answer that says both is no answer.
"""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from streams.deliver.members import Members
from streams.spec.answers import spelt
from streams.spec.profiles import Profile

_FLAGS: Final = frozenset({"success", "issuccess", "succeeded", "succ", "ok"})
_COMPLAINING_NAME: Final = re.compile(r"err|exception|fail", re.IGNORECASE)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_.-]{1,32}")
_GOOD: Final = frozenset({"true", "success", "succeeded", "successful", "succ", "ok", "y", "yes", "成功"})
_BAD: Final = frozenset({"false", "fail", "failed", "failure", "error", "err", "n", "no", "失败", "错误", "异常"})
_NOTHING: Final = frozenset({"", "null", "none", "nil", "无", "-", "false", "no", "n", "否"})
_SUCCEEDING: Final = re.compile(r"成功|success|^ok\b|已接收|已受理", re.IGNORECASE)
_SUCCESS: Final = re.compile(r"[^\W不未没无]{0,4}成功|success(?:ful)?|succeeded|ok", re.IGNORECASE)
_FAILING: Final = re.compile(
    r"失败|异常|错误|有误|无效|拒绝|超时|不存在|不合法|不正确|不通过|未通过|过于频繁|请求频繁|限流"
    r"|fail|error|exception|invalid|denied|refus|reject|time[d ]? ?out|too (?:frequent|many)",
    re.IGNORECASE,
)
# "0 errors" is no error: these are taken out of the words before they are looked at.
_NO_FAILURE: Final = re.compile(
    r"(?:无|没有|未发现|未见)(?:任何)?(?:失败|错误|异常)|(?:失败|错误|异常)(?:的?(?:条数|笔数|记录数|数量|总数|数|记录))?\s*[::=为]?\s*0(?![\d.])"
    r"|(?<![\d.])0\s*(?:条|笔|个|行)?(?:记录)?\s*(?:失败|错误|异常)"
    r"|\b(?:no|0|zero|without) (?:errors?|failures?|exceptions?)\b|\b(?:errors?|failed|failures?)\s*[:=]?\s*0(?![\d.])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """What stands beside the code."""

    success: bool = False
    """A flag or word says that it went well."""
    failure: str = ""
    """What says that it did not, as a clause with the member's name: "`success` is false"; `""`: nothing does."""
    inside: frozenset[str] = frozenset()
    """Codes further inside of the answer that differ from its own."""
    text: str = ""
    """Words that stand there."""


NO_SIGNS: Final = Signs()
"""Nothing stands beside the code."""


def word_sign(value: object) -> bool | None:
    """Whether a flag's value says success (True) or failure (False); None where it says neither."""
    if isinstance(value, bool):
        return value
    word = f"{value}".strip().lower() if isinstance(value, str | int) else ""
    return True if word in _GOOD else False if word in _BAD else None


def signs_beside(code: str | None, found: Members, profile: Profile, *, words: Sequence[str] = ()) -> Signs:
    """What the whole answer says beside `code`: in the object itself, and in those one step inside, where codes count, too. words:
    codes that are no number.
    """
    inner = tuple(found.inside())
    codes = {inside for one in inner for name in profile.code_names if (inside := spelt(one.get(name))) is not None}
    flags = [sign for word in (*words, *codes) if (sign := word_sign(word)) is not None]
    return _signs(code, (found, *inner), profile, flags=[*flags, *_flags(found, ())], but=(), inside=codes)


def signs_at(code: str | None, places: Sequence[Members], profile: Profile, *, but: str) -> Signs:
    """What these objects alone say beside `code`, where the site says which ones count. but: the member that holds the code."""
    flags = [sign for one in places for sign in _flags(one, (but,))]
    return _signs(code, places, profile, flags=flags, but=(but,), inside=set())


def _signs(  # noqa: PLR0913 - what both of them found
    code: str | None,
    places: Sequence[Members],
    profile: Profile,
    *,
    flags: Sequence[bool],
    but: Sequence[str],
    inside: AbstractSet[str],
) -> Signs:
    failing = [why for one in places if (why := _failure(one, profile, code=code, but=but))]
    texts = (one[name].strip() for one in places for name in profile.text_names if isinstance(one.get(name), str))
    return Signs(
        success=True in flags,
        failure=next(iter(failing), "a word beside the code tells of a failure" if False in flags else ""),
        inside=frozenset(one for one in inside if one != code and word_sign(one) is None),
        text=next((text for text in texts if text), ""),
    )


def _flags(one: Members, but: Sequence[str]) -> list[bool]:
    return [sign for name, value in one.items() if name not in but and (sign := _flag(name, value)) is not None]


def _flag(name: str, value: object) -> bool | None:
    if name.lower() not in _FLAGS:
        return None
    return bool(value) if value in (0, 1) else {"0": False, "1": True}.get(f"{value}", word_sign(value))


def _failure(one: Members, profile: Profile, *, code: str | None, but: Sequence[str]) -> str:
    """What in one object says that it went wrong: `""` where nothing does."""
    for name, value in one.items():
        if name in but:
            continue
        if _flag(name, value) is False:
            return f"{_named(name)} is false"
        if _COMPLAINING_NAME.match(name) and _complains(value, profile.form.harmless, code=code):
            return f"{_named(name)} is not empty"
    for name in profile.text_names:
        value = one.get(name)
        if name not in but and isinstance(value, str) and failing_words(value, profile.form.harmless):
            return f"the words of `{name}` tell of a failure"
    return ""


def _named(name: str) -> str:
    """A member's name as it may be told: what else stands there is the platform's, and may be anything."""
    return f"`{name}`" if _PLAIN_NAME.fullmatch(name) else "a member"


def failing_words(text: str, harmless: frozenset[str]) -> bool:
    """Whether words speak of a failure. harmless: texts that do not, as the site says."""
    return text.strip() not in harmless and _FAILING.search(_NO_FAILURE.sub("", text)) is not None


def says_success(text: str) -> bool:
    """Whether words say success and nothing else: "已上传成功，不能重复上传" refuses."""
    return _SUCCESS.fullmatch(text.strip().rstrip("!！.。")) is not None


def _complains(value: object, harmless: frozenset[str], *, code: str | None) -> bool:
    """Whether a member whose name speaks of errors holds one."""
    if isinstance(value, str):
        text = value.strip()
        if text.lower() in _NOTHING | _GOOD or not text.strip("0") or text in harmless or spelt(text) == code:
            return False
        return failing_words(text, harmless) or not _SUCCEEDING.search(text)
    if isinstance(value, Mapping | list):
        return len(value) > 0
    return value not in (None, 0, False) and spelt(value) != code

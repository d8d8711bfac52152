"""How personal data looks wherever a person sees it: the ends of a number, the surname of a name, nothing of the rest.

Masking twice changes nothing, so a text may be masked at every border it crosses.
"""

import re
from typing import Final

from streams.spec.interface import PERSONAL

_NAMES: Final = frozenset({"PSN_NAME", "CONER_NAME"})
_IDENTITY_NUMBERS: Final = frozenset({"CERTNO", "MDTRT_CERT_NO"})
_FREE_TEXT: Final = frozenset({"MEMO", "ADM_DIAG_DSCR", "MAIN_COND_DSCR", "OTP_DIAG_INFO"})
HIDDEN: Final = "***"
"""What stands for a value of which nothing is shown."""

# First three and last four of a shorter number would leave too little to hide.
_SHORTEST_ID: Final = 15
_SHORTEST_PHONE: Final = 11


def mask(field_name: str, value: str) -> str:
    """`value` of interface field `field_name` as a person may see it.

    Identity numbers and phones keep the first 3 and last 4 characters when they are long enough to hide something, names their
    first character, other personal fields nothing. Free text is searched by `mask_text`. Any other value is returned as it is.
    """
    if not value:
        return value
    if field_name in _IDENTITY_NUMBERS:
        return _ends(value, _SHORTEST_ID)
    if field_name == "TEL":
        return _ends(value, _SHORTEST_PHONE)
    if field_name in _NAMES:
        return _surname(value)
    if field_name in PERSONAL:
        return HIDDEN
    return mask_text(value) if field_name in _FREE_TEXT else value


def _ends(value: str, shortest: int) -> str:
    if len(value) < shortest:
        return HIDDEN
    return value[:3] + "*" * (len(value) - 7) + value[-4:]


def _surname(name: str) -> str:
    return HIDDEN if len(name) < len("张三") else name[0] + "*" * (len(name) - 1)


_DAY: Final = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_NUMBERS: Final = re.compile(
    rf"(?<!\d)(?:[1-9]\d{{5}}(?:18|19|20)\d\d{_DAY}\d{{3}}[\dXx]"  # resident ID of 18 characters
    rf"|[1-9]\d{{5}}\d\d{_DAY}\d{{3}}"  # resident ID of 15 digits
    r"|(?:(?:00|\+)?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4})(?!\d)"  # mobile number
)

# What stands before a value in messages of platforms and databases, in their words and in the interface's.
_LABELS: Final = {
    "CERTNO": ("CERTNO", "证件号码", "证件号", "身份证号码", "身份证号", "身份证"),
    "MDTRT_CERT_NO": ("MDTRT_CERT_NO", "就诊凭证编号", "凭证编号", "社保卡号", "医保卡号"),
    "PSN_NAME": ("PSN_NAME", "人员姓名", "患者姓名", "病人姓名", "姓名", "患者", "病人"),
    "CONER_NAME": ("CONER_NAME", "联系人姓名", "联系人"),
    "TEL": ("TEL", "联系电话", "手机号码", "手机号", "手机", "电话"),
    "ADDR": ("ADDR", "联系地址", "家庭住址", "住址", "地址"),
    "EMP_NAME": ("EMP_NAME", "单位名称", "工作单位"),
}
_FIELD_OF: Final = {label: field for field, labels in _LABELS.items() for label in labels}
_WITH_SPACES: Final = frozenset({"ADDR", "EMP_NAME"})
_END: Final = r"\"'“”‘’\\,，;；。、|&\]】)）〕」}<>:：=＝\r\n"


def _labelled(labels: list[str], value: str) -> re.Pattern[str]:
    quotes, openers = r"[\s\"'“”‘’\\]", r"[:：=＝\[【(（〔「为是]"
    return re.compile(
        r"(?<![A-Za-z_])(?P<label>" + "|".join(sorted(labels, key=len, reverse=True)) + r")(?![A-Za-z_])"
        rf"(?P<between>{quotes}*{openers}+{quotes}*|{quotes}+)"
        r"(?!不|为空|必填|长度|格式|错误|超|缺|null)"  # a complaint about the field, not its value
        rf"(?P<value>{value})",
        re.IGNORECASE,
    )


# An address has blanks in it; in a name they occur between capitalised words only.
_SPACED: Final = _labelled([label for label, field in _FIELD_OF.items() if field in _WITH_SPACES], rf"[^{_END}]+")
_PLAIN: Final = _labelled(
    [label for label, field in _FIELD_OF.items() if field not in _WITH_SPACES], rf"[^\s{_END}]+(?:\ (?-i:[A-Z])[^\s{_END}]*)*"
)


_PASSES = 8


def mask_text(text: str) -> str:
    """Free text (a platform's message, a memo) without what identifies a person: whatever looks like a resident ID or a mobile
    number anywhere, and whatever follows a known label such as 姓名 or CERTNO. The rest stays as it is. Behind what was
    masked another label may stand: it is looked at until there is none.
    """
    for _ in range(_PASSES):  # two nearly always, and one to see that it was the last; it ends in any case
        if (masked := _masked(text)) == text:
            break
        text = masked
    return text


def _masked(text: str) -> str:
    for labelled in (_SPACED, _PLAIN):
        text = labelled.sub(_mask_labelled, text)
    return _NUMBERS.sub(_mask_number, text)


def show_key(key: str, *, personal: bool) -> str:
    """A row's key where it may be seen: nothing of it where it is a person's number, or looks so, and no control characters, which
    terminals obey.
    """
    if key and (personal or mask_text(key) != key):
        return HIDDEN
    return "".join([one if one.isprintable() else "\ufffd" for one in key])


def _mask_number(found: re.Match[str]) -> str:
    return _ends(found[0], _SHORTEST_PHONE)


def _mask_labelled(found: re.Match[str]) -> str:
    field = _FIELD_OF[found["label"].upper()]
    return found["label"] + found["between"] + mask(field, found["value"])

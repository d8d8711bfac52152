"""Why a person gives an order, as it is kept: for ever, and read by others. Pure."""

import re
import unicodedata
from typing import Final

from streams.spec.masking import mask_text

_IN_GROUPS: Final = re.compile(r"(?<!\d)([1-9]\d{5})[ -](\d{8}|\d{6})[ -](\d{3}[\dXx]?)(?![\dXx])")
"""An identity number as people write it down from a card."""


def without_numbers(text: str) -> str:
    """The text with what looks like an identity number or a telephone masked, also in full-width digits and in groups. A name
    cannot be told from other words: the help says that none belongs there.
    """
    narrow = "".join([unicodedata.normalize("NFKC", one) if one.isdigit() or one in "Ｘｘ－" else one for one in text.strip()])
    return mask_text(_IN_GROUPS.sub(r"\1\2\3", narrow))

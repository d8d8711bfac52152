"""The medical-insurance areas (医保区划) by their six-digit codes."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import cast


@cache
def areas() -> Mapping[str, str]:
    """Code → name of every area known when this list was made. Not closed: areas are founded and renamed every year."""
    text = files("streams.spec").joinpath("data", "admdvs.json").read_text(encoding="utf-8")
    return MappingProxyType(cast("dict[str, str]", json.loads(text)))


def area_of(fixmedins_code: str) -> str:
    """The area code inside a FIXMEDINS_CODE: the six digits after H or P. Empty when the code has no room for one."""
    area = fixmedins_code[1:7]
    return area if len(area) == len("361102") and area.isdecimal() else ""

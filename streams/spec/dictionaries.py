"""The value lists (字典) of the coded fields: the ones that come with the product, and the ones a site puts in their place."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Final

from streams.errors import Misconfigured
from streams.spec.areas import areas

AREA_FIELDS: Final = ("INSU_ADMDVS", "FIX_BLNG_ADMDVS", "POOLAREA_NO")
"""Fields whose value list is the list of areas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """One value list. closed: a code outside it is refused; otherwise it is a warning, since the list may be incomplete."""

    name: str
    closed: bool
    codes: Mapping[str, str]


def load_dictionaries(extra: Path | None = None) -> Mapping[str, Dictionary]:
    """All value lists by name; those in the file `extra` replace the product's own, whole list for whole list.

    `extra` is JSON of the form `{"dictionaries": {"MED_TYPE": {"closed": false, "codes": {"11": "普通门诊"}}}}`.
    Raises Misconfigured with the file and the list's name when it cannot be read or has another form.
    """
    own = files("streams.spec").joinpath("data", "dictionaries.json").read_text(encoding="utf-8")
    found = _parse(own, "the product's own dictionaries.json")
    for name in AREA_FIELDS:
        found[name] = Dictionary(name=name, closed=False, codes=areas())
    if extra is not None:
        found |= _parse(_read(extra), str(extra))
    return MappingProxyType(found)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Misconfigured(f"{path}: dictionaries cannot be read ({error.strerror}); correct the path or leave it out") from error
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path}: dictionaries are not UTF-8; save the file as UTF-8") from error


def _parse(text: str, where: str) -> dict[str, Dictionary]:
    try:
        document: object = json.loads(text)
    except ValueError as error:
        raise Misconfigured(f"{where}: not JSON ({error}); see the form in the documentation of dictionaries") from error
    lists = document.get("dictionaries") if isinstance(document, dict) else None
    if not isinstance(lists, dict):
        raise Misconfigured(f'{where}: needs an object "dictionaries" with one entry for each value list')
    return {str(name): _one(str(name), entry, where) for name, entry in lists.items()}


def _one(name: str, entry: object, where: str) -> Dictionary:
    match entry:
        case {"closed": bool(closed), "codes": dict(codes)} if codes and all(isinstance(label, str) for label in codes.values()):
            return Dictionary(name=name, closed=closed, codes=MappingProxyType(codes))
    raise Misconfigured(f'{where}: {name} needs "closed" (true or false) and "codes" (code → meaning, both text, at least one)')

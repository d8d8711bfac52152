"""The value lists (字典) of the coded fields: the ones that come with the product, and the ones a site puts in their place."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from streams.errors import Misconfigured
from streams.spec.areas import areas

AREA_FIELDS: Final = ("INSU_ADMDVS", "FIX_BLNG_ADMDVS", "POOLAREA_NO")
"""Fields whose value list is the list of areas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dictionary:
    """One value list."""

    name: str
    """Its name, as fields name it."""
    closed: bool
    """Whether a code outside it is refused. Otherwise it is a warning, since the list may be incomplete."""
    codes: Mapping[str, str]
    """Meaning by code."""


def load_dictionaries(extra: str | None = None, *, where: str = "") -> Mapping[str, Dictionary]:
    """All value lists by name; those of `extra` replace the product's own, whole list for whole list. where: the file it is from.

    `extra` is JSON of the form `{"dictionaries": {"MED_TYPE": {"closed": false, "codes": {"11": "普通门诊"}}}}`.
    Raises Misconfigured with the file and the list's name when it has another form.
    """
    own = files("streams.spec").joinpath("data", "dictionaries.json").read_text(encoding="utf-8")
    found = parse_dictionaries(own, where="the product's own dictionaries.json")
    for name in AREA_FIELDS:
        found[name] = Dictionary(name=name, closed=False, codes=areas())
    if extra is not None:
        found |= parse_dictionaries(extra, where=where)
    return MappingProxyType(found)


def parse_dictionaries(text: str, *, where: str) -> dict[str, Dictionary]:
    """The lists of one file alone, by name. Raises Misconfigured."""
    try:
        document: object = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        raise Misconfigured(f"{where}: not JSON ({error}); see the form in the documentation of dictionaries") from error
    except RecursionError:
        raise Misconfigured(f"{where}: lists within lists; see the form in the documentation of dictionaries") from None
    lists = document.get("dictionaries") if isinstance(document, dict) else None
    if not isinstance(lists, dict):
        raise Misconfigured(
            f'{where}: needs an object "dictionaries" with one entry for each value list; of none {{"dictionaries": {{}}}}'
        )
    return {str(name): _one(str(name), entry, where) for name, entry in lists.items()}


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object, none of whose entries takes the place of another."""
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{twice!r} stands in one object twice")
    return found


def _one(name: str, entry: object, where: str) -> Dictionary:
    match entry:
        case {"closed": bool(closed), "codes": dict(codes)} if codes and all(isinstance(label, str) for label in codes.values()):
            return Dictionary(name=name, closed=closed, codes=MappingProxyType(codes))
    raise Misconfigured(f'{where}: {name} needs "closed" (true or false) and "codes" (code → meaning, both text, at least one)')

"""Value lists as the platform hands them out: the answer of the national transaction 1901 (字典表查询) as JSON, or the same as a
table whose columns are parted by tabs, as spreadsheets save it.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from streams.errors import Misconfigured

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "type": ("type", "dic_type_code", "字典类型", "字典类型代码"),
    "value": ("value", "nat_dic_val_code", "dic_val_code", "字典键值", "字典值代码", "字典值编码"),
    "label": ("label", "nat_dic_val_name", "dic_val_name", "字典标签", "字典值名称"),
    "valid": ("vali_flag", "有效标志"),
}
"""Names under which each of them is found, in any case of letters. 1901 calls them type, value, label and vali_flag."""
_OFF: Final = frozenset({"0", "0.0", "无效", "否", "N"})
"""What the last of them says of a code that is no longer valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What a file holds."""

    lists: Mapping[str, Mapping[str, str]]
    """Meaning by code, by the name of the list in capitals."""
    invalid: int
    """Codes that are marked as no longer valid, and left out."""


def parse_download(text: str, *, where: str) -> Download:
    """Read a download. where: its name, for errors. Raises Misconfigured with the line or the entry where it is not what it should
    be, or says two things of one code.
    """
    rows = _of_json(text, where) if text.lstrip().startswith(("{", "[")) else _of_table(text, where)
    lists: dict[str, dict[str, str]] = {}
    invalid = 0
    for at, row in rows:
        name, code, meaning = (row[part].strip() for part in ("type", "value", "label"))
        if not name or not code:
            raise Misconfigured(f"{where}: {at} has no {'list' if not name else 'code'}")
        if row["valid"].strip() in _OFF:
            invalid += 1
            continue
        codes = lists.setdefault(name.upper(), {})
        if codes.setdefault(code, meaning) != meaning:
            raise Misconfigured(f"{where}: {at} says of {name} {code} `{meaning}`, and `{codes[code]}` stands before it")
    if not lists:
        raise Misconfigured(f"{where}: holds no code")
    return Download(lists=lists, invalid=invalid)


def _of_table(text: str, where: str) -> Iterator[tuple[str, dict[str, str]]]:
    rows = (list(map(_unquoted, row)) for row in csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    places = _places(next(rows, []), where)
    for number, row in enumerate(rows, start=2):
        if any(cell.strip() for cell in row):
            yield f"line {number}", {part: row[at] if 0 <= at < len(row) else "" for part, at in places.items()}


def _unquoted(cell: str) -> str:
    """As a spreadsheet meant it that puts quotes around a cell. One quote alone is a part of the text, and swallows no lines."""
    around = len(cell) > 1 and cell.startswith('"') and cell.endswith('"')
    return cell[1:-1].replace('""', '"') if around else cell


def _of_json(text: str, where: str) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Misconfigured(f"{where}: is no JSON ({error})") from error
    while isinstance(found, dict):  # an answer holds its list in `output`
        found = next((found[name] for name in ("output", "list", "data") if name in found), None)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Misconfigured(f"{where}: needs a list of objects with {_wanted()}, alone or in `output.list`")
    for number, one in enumerate(found, start=1):
        places = _places(list(one), where, of=f"entry {number}")
        said = [_said(value, f"{where}: entry {number}: {name}") for name, value in one.items()]
        yield f"entry {number}", {part: said[at] if at >= 0 else "" for part, at in places.items()}


def _said(value: object, of: str) -> str:
    """A text or a whole number. Raises Misconfigured for what a spreadsheet may have made of a code (11.0), or is no value."""
    if value is None or isinstance(value, str):
        return value or ""
    if type(value) is int:
        return f"{value}"
    raise Misconfigured(f"{of} is {json.dumps(value)[:40]}: a code is a text or a whole number")


def _places(head: Iterable[str], where: str, *, of: str = "its first line") -> dict[str, int]:
    """Which column holds what; -1 where none does."""
    names = [name.strip().lower() for name in head]
    places = {part: next((names.index(one) for one in known if one in names), -1) for part, known in _COLUMNS.items()}
    if lacking := [part for part in ("type", "value", "label") if places[part] < 0]:
        raise Misconfigured(f"{where}: {of} names no column for {' and '.join(lacking)}; known are {_wanted()}")
    return places


def _wanted() -> str:
    return ", ".join("/".join(_COLUMNS[part]) for part in ("type", "value", "label"))

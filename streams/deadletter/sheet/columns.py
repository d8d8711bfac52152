"""The columns of a list of letters: what stands in them, and how they are found again in a list that somebody sends back. Pure."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple


class Line(NamedTuple):
    """One letter of a list. All are texts for people; what is not known is `""`."""

    id: str
    """Id of the letter."""
    owner: str
    """Who mends it."""
    reason: str
    """What is wrong."""
    mending: str
    """What to do about it, and what happens by itself then."""
    service: str
    """Name and code of the service."""
    field: str
    """Name and identifier of each interface field that is wrong."""
    value: str
    """What stands there."""
    place: str
    """Where in the hospital's system: `schema.table.column`, and the key of the row."""
    patient: str
    """Name and number."""
    institution: str
    """FIXMEDINS_CODE."""
    record: str
    """Key of the record."""
    clause: str
    """Where the interface says so."""
    first: str
    """When it failed first, by the site's clock."""
    age: str
    """How long ago that was when the list was made."""
    decision: str
    """For whoever mends it, as the next four."""
    note: str
    """Why it is closed."""
    confirmation: str
    """Number that the platform gave."""
    assignee: str
    """Stays in the list."""
    deadline: str
    """Stays in the list."""
    site: str
    """Name of the site."""

    def __repr__(self) -> str:
        """Without what it tells."""
        return f"Line(id={self.id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one of them looks."""

    name: str
    """In `Line`."""
    title: str
    """In the first row."""
    width: int
    """Characters."""
    also: tuple[str, ...] = ()
    """Other titles that it may have in a list that somebody sends back."""


COLUMNS: Final[Sequence[Column]] = (
    Column(name="id", title="编号", width=14, also=("id", "死信编号")),
    Column(name="owner", title="由谁处理", width=10),
    Column(name="reason", title="原因", width=44),
    Column(name="mending", title="怎么处理", width=44),
    Column(name="service", title="业务", width=20),
    Column(name="field", title="接口字段", width=24),
    Column(name="value", title="现在的值", width=18),
    Column(name="place", title="在HIS哪里改", width=36),
    Column(name="patient", title="患者", width=24),
    Column(name="institution", title="机构代码", width=16),
    Column(name="record", title="上报标识", width=20),
    Column(name="clause", title="接口条款", width=14),
    Column(name="first", title="首次失败", width=19),
    Column(name="age", title="已过时间", width=12),
    Column(name="decision", title="处理决定", width=16, also=("决定", "decision")),
    Column(name="note", title="备注", width=30, also=("note", "原因说明")),
    Column(name="confirmation", title="平台确认号", width=18, also=("confirmation", "确认号")),
    Column(name="assignee", title="负责人", width=12),
    Column(name="deadline", title="期限", width=12),
    Column(name="site", title="站点", width=14, also=("site",)),
)
"""In the order of `Line`."""

TITLES: Final[Sequence[str]] = tuple(column.title for column in COLUMNS)
"""The first row."""
TITLE_OF: Final[Mapping[str, str]] = {column.name: column.title for column in COLUMNS}
"""By name in `Line`."""


def _folded(title: str) -> str:
    return "".join(unicodedata.normalize("NFKC", title).split()).lstrip("\ufeff").lower()


_READ: Final = {_folded(title): column.name for column in COLUMNS for title in (column.title, *column.also)}


def places_of(cells: Sequence[str]) -> Mapping[str, Sequence[int]]:
    """By name, at which places of a first row each column stands: several where a person added one of the same title."""
    found: dict[str, list[int]] = {}
    for place, cell in enumerate(cells):
        if (name := _READ.get(_folded(cell))) is not None:
            found.setdefault(name, []).append(place)
    return found


def is_heading(cells: Sequence[str]) -> bool:
    """Whether these are the titles of a list that can be read."""
    return {"id", "decision"} <= places_of(cells).keys()

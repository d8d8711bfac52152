"""A list that somebody sent back: what was decided in it, and what of it cannot be understood. Pure.

What is not understood is told by sheet, row and column, and never repeated: it may be a person's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

from streams.deadletter.closing import confirmation
from streams.deadletter.sheet.cells import plain
from streams.deadletter.sheet.columns import TITLE_OF, is_heading, places_of
from streams.deadletter.sheet.decisions import Decision, decision_of
from streams.errors import Misconfigured
from streams.wording import nearest

ABOUT: Final = "说明"
"""A sheet that says what the others are, and has no letters."""

_FILLED_IN: Final = ("decision", "note", "confirmation", "site")
"""Columns that are read beside the id."""
_ID: Final = re.compile(r"[0-9a-f]{32}")
_NUMBER: Final = re.compile(r"[\d.]+(?:e\+?\d+)?")


class Row(NamedTuple):
    """A row as it stands in the file."""

    sheet: str
    """Name of its sheet; `""` in CSV."""
    number: int
    """From 1, as a spreadsheet counts."""
    cells: Sequence[str]
    """Its cells."""
    unread: Mapping[int, tuple[str, str]] = MappingProxyType({})
    """By place, what keeps a cell from being understood, and how to mend it."""

    def __repr__(self) -> str:
        """Without its cells."""
        return f"Row(number={self.number})"


class Decided(NamedTuple):
    """What was decided about one letter."""

    row: Row
    """Where."""
    letter: str
    """Its id."""
    decision: Decision
    """What is to be done."""
    note: str
    """Why; `""` where nothing is said."""
    confirmation: str
    """Number that the platform gave; `""` for none."""

    def __repr__(self) -> str:
        """Without the note."""
        return f"Decided(letter={self.letter}, decision={self.decision})"


class Fault(NamedTuple):
    """Something that is not understood."""

    sheet: str
    """Name of the sheet; `""` in CSV."""
    row: int
    """Number of the row; 0: the whole sheet."""
    column: str
    """Title of the column."""
    what: str
    """What is wrong."""
    mend: str
    """What to write instead."""


def fault_at(row: Row, column: str, what: str, mend: str) -> Fault:
    """column: its name in `Line`."""
    return Fault(row.sheet, row.number, TITLE_OF.get(column, column), what, mend)


@dataclass(slots=True)
class TakenIn:
    """Takes rows, one after another."""

    site: str
    """Name of the site whose letters are meant."""
    decided: dict[str, Decided] = field(default_factory=dict, repr=False)
    """By letter, without those that nothing was decided about; at the end without those that a row is in doubt about, too."""
    faults: list[Fault] = field(default_factory=list)
    """What is not understood."""
    pending: int = 0
    """Letters that nothing was decided about."""
    rows: int = 0
    """Rows with a letter."""
    _sheet: str | None = None
    """Of the row before."""
    _places: Mapping[str, Sequence[int]] | None = None
    """Where its columns stand; None until its titles came."""
    _before: int = 0
    """Rows above its titles."""
    _headings: int = 0
    """Sheets with titles."""
    _said: dict[str, Decided] = field(default_factory=dict, repr=False)
    """By letter, the first row that says something of it, be it that nothing is decided yet."""
    _doubtful: set[str] = field(default_factory=set, repr=False)
    """Letters of which a row is not understood, or contradicts another: which one is meant is nobody's guess."""

    def take(self, row: Row) -> None:
        """The next row."""
        if row.sheet != self._sheet:
            self._end()
            self._sheet, self._places, self._before = row.sheet, None, 0
        if not any(cell.strip() for cell in row.cells):
            return
        if self._places is None:
            if is_heading(row.cells):
                self._places = places_of(row.cells)
                self._headings += 1
            else:
                self._before += 1
            return
        if is_heading(row.cells):
            self._places = places_of(row.cells)  # another list that was put below, perhaps with other columns
            return
        self.rows += 1
        self._read(row)

    def end(self) -> None:
        """That was the last one."""
        self._end()
        for letter in self._doubtful:
            self.decided.pop(letter, None)
        if not self._headings and not self.faults:
            self.faults.append(_no_heading(""))

    def _end(self) -> None:
        if self._places is None and self._before and self._sheet != ABOUT:
            self.faults.append(_no_heading(self._sheet or ""))

    def _cells(self, row: Row, name: str) -> list[str]:
        places = (self._places or {}).get(name, ())
        return [plain(row.cells[place]) if place < len(row.cells) else "" for place in places]

    def _cell(self, row: Row, name: str) -> str:
        return next(iter(self._cells(row, name)), "")

    def _read(self, row: Row) -> None:
        told, letter = len(self.faults), self._cell(row, "id").lower()
        self._decide(row, letter)
        if len(self.faults) > told:
            self._doubtful.add(letter)

    def _decide(self, row: Row, letter: str) -> None:
        if self._is_unread(row):
            return
        said, number = self._cell(row, "decision"), self._cell(row, "confirmation")
        decision = decision_of(said)
        if decision is None:
            meant = nearest(said, list(Decision)).replace("did you mean", "是否为")
            self._fault(row, "decision", "不认识这个决定", f"请从列表中选择：{'、'.join(Decision)}{meant}")
            return
        if number and decision is not Decision.CLOSE:
            self._fault(row, "confirmation", "填了平台确认号，决定却不是“关闭”", "请把处理决定改为“关闭”，或清空平台确认号")
            return
        if decision is Decision.PENDING:
            self.pending += 1
            if said and _ID.fullmatch(letter):
                self._keep(Decided(row, letter, decision, "", ""))
            return
        if problem := self._wrong_letter(row, letter):
            self.faults.append(problem)
            return
        if number:
            try:
                number = confirmation(number)
            except Misconfigured:
                self._fault(
                    row, "confirmation", "不是平台给的确认号", "只含字母、数字和 . _ / -，不超过 64 个字符，不能是身份证号或手机号"
                )
                return
        self._keep(Decided(row, letter, decision, self._cell(row, "note"), number))

    def _is_unread(self, row: Row) -> bool:
        """Whether a cell that matters is told as one that nobody can read, or of two columns nobody knows which one counts."""
        for name in ("id", *_FILLED_IN):
            for place in (self._places or {}).get(name, ()):
                if place in row.unread:
                    self._fault(row, name, *row.unread[place])
                    return True
        for name in _FILLED_IN:
            if len(set(self._cells(row, name))) > 1:
                self._fault(row, name, "有两列都是这个标题，内容却不同", "请只保留一列，或给自己加的列另取标题")
                return True
        return False

    def _keep(self, one: Decided) -> None:
        before = self._said.setdefault(one.letter, one)
        if before[2:] != one[2:]:
            where = "" if before.row.sheet == one.row.sheet else f"工作表“{before.row.sheet}”"
            self._fault(one.row, "decision", f"与{where}第 {before.row.number} 行是同一条，内容却不同", "同一编号只留一行")
        elif one.decision is not Decision.PENDING:
            self.decided.setdefault(one.letter, one)

    def _wrong_letter(self, row: Row, letter: str) -> Fault | None:
        site = self._cell(row, "site")
        if site and site != self.site:
            return fault_at(row, "site", "这一条属于另一个站点", f"本站点是 {self.site}：请用那个站点的配置导入")
        if _ID.fullmatch(letter):
            return None
        if _NUMBER.fullmatch(letter):
            return fault_at(row, "id", "编号被电子表格改成了数字", "请从原清单复制编号，并把单元格设为文本格式")
        return fault_at(row, "id", "不是死信编号" if letter else "没有编号", "请从原清单复制 32 位编号")

    def _fault(self, row: Row, column: str, what: str, mend: str) -> None:
        self.faults.append(fault_at(row, column, what, mend))


def _no_heading(sheet: str) -> Fault:
    titles = f"“{TITLE_OF['id']}”和“{TITLE_OF['decision']}”"
    return Fault(sheet, 0, "", f"没有找到含有{titles}的标题行", "请保留导出时的标题行；不是清单的工作表请删除")

"""What became of a list of letters, in Chinese for the insurance office, and as JSON for programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from streams.deadletter.sheet.taken_in import Fault
from streams.replay.plan import SENT, Depth
from yibao import tables
from yibao.letters.closed import Closings
from yibao.letters.exported import Exported, Wish
from yibao.letters.shown import print_json
from yibao.letters.taken_in import Planned, Sheet, Work
from yibao.options import Output

_MOST_FAULTS: Final = 200
_DEPTHS: Final = {Depth.RENORMALISE: "重报", Depth.RESEND: "原样重报", Depth.RECAPTURE: "重新读取"}
_OUTCOMES: Final = {
    "passes": "可以上报",
    "mended": "已不成问题，将关闭",
    "otherwise": "现在另有原因，将重新告知",
    "fails": "仍会被拒绝",
    "waits": "仍缺少所等的记录",
    "unchanged": "内容与上次相同，请选“原样重报”",
    "stale": "已有更新的版本",
    "gone": "数据行已不存在",
    "read again": "将从数据库重新读取",
    "unknown": "找不到数据行，请选“重新读取”",
    "parked": "重报次数已达上限",
    "excluded": "这一类不能靠重报解决",
}


def show_exported(wish: Wish, done: Exported) -> None:
    """Where a list is, and what it lacks."""
    typer.echo(f"{wish.file}：{done.letters} 条{'，未脱敏' if wish.unmask else ''}，仅本账号可读")
    if done.without_content:
        typer.echo(f"其中 {done.without_content} 条的内容已过保存期，没有患者和值", err=True)
    if done.further:
        typer.echo(f"注意：一个工作表放不下，其余在工作表 {'、'.join(done.further)}", err=True)


def show_work(sheet: Sheet, work: Work) -> None:
    """What a list comes to, before anything is done; what is not understood goes to standard error."""
    planned = [f"{_of(depth)} {len(letters)}" for depth, letters in work.replay.items() if letters]
    counts = (f"关闭 {len(work.close)}", *planned, f"已在HIS修改 {work.mended}", f"待处理 {sheet.pending}")
    typer.echo(f"共 {sheet.rows} 条：{'，'.join(counts)}")
    if work.mended:
        typer.echo(f"已在HIS修改的 {work.mended} 条：被平台接收后自动关闭；过一天仍未关闭的，请重新导出查看原因")
    if work.closed_before:
        typer.echo(f"已经关闭、不再处理的 {len(work.closed_before)} 条：{_rows(one.row.number for one in work.closed_before)}")
    if work.failed_since:
        told = _rows(one.row.number for one in work.failed_since)
        typer.echo(f"上次导入之后又失败、请重新导出再决定的 {len(work.failed_since)} 条：{told}")
    _show_faults(work.faults)


def show_plans(plans: Sequence[Planned], *, approve_above: int) -> None:
    """The plans of a list, and what comes next."""
    for plan in plans:
        if plan.outcomes is None:
            typer.echo(f"{plan.file}：这份清单的{_of(plan.depth)}计划已经生成过，没有再做")
            continue
        passing = sum(plan.outcomes[one.value] for one in SENT)
        told = "，".join(f"{_OUTCOMES.get(name, name)} {count}" for name, count in plan.outcomes.most_common())
        typer.echo(f"{plan.file}：{_of(plan.depth)}计划 {sum(plan.outcomes.values())} 条（{told}）")
        if passing > approve_above:
            typer.echo(f"  请另一人批准：yibao replay approve {plan.file}")
        if passing:
            typer.echo(f"  请信息科执行：yibao replay run {plan.file}")


def import_document(sheet: Sheet, work: Work, *, closings: Closings, plans: Sequence[Planned], done: bool) -> dict[str, Any]:
    """The same for programs. done: whether anything was done."""
    return {
        "file": sheet.digest,
        "done": done,
        "rows": sheet.rows,
        "pending": sheet.pending,
        "mended": work.mended,
        "to_close": len(work.close),
        "closed": closings.closed,
        "closed_by_others": closings.left,
        "to_replay": {depth.value: len(letters) for depth, letters in work.replay.items()},
        "plans": [_plan_document(plan) for plan in plans],
        "closed_before": [one.letter for one in work.closed_before],
        "failed_since": [one.letter for one in work.failed_since],
        "not_understood": [one._asdict() for one in work.faults],
    }


def print_import(document: dict[str, Any], output: Output) -> None:
    """For programs, where they ask."""
    if output is Output.JSON:
        print_json(document)


def _plan_document(plan: Planned) -> dict[str, Any]:
    return {"file": f"{plan.file}", "depth": plan.depth.value, "outcomes": None if plan.outcomes is None else dict(plan.outcomes)}


def _show_faults(faults: Sequence[Fault]) -> None:
    if not faults:
        return
    rows = [(one.sheet or "-", f"{one.row or '-'}", one.column or "-", one.what, one.mend) for one in faults[:_MOST_FAULTS]]
    more = f"；这里列出前 {_MOST_FAULTS} 处，全部见 -o json" if len(faults) > _MOST_FAULTS else ""
    closing = f"看不懂的 {len(faults)} 处{more}"
    tables.show(("工作表", "行", "列", "问题", "怎么改"), rows, closing=closing, piped=tables.LONG_LINES)


def _rows(numbers: Iterable[int]) -> str:
    """Of many the first ones."""
    every = sorted(numbers)
    shown = "、".join(f"{one}" for one in every[:20])
    return f"第 {shown} 行{'等' if len(every) > 20 else ''}"


def _of(depth: Depth) -> str:
    return _DEPTHS.get(depth, depth.value)


def default_name(site: str, at: str, suffix: str) -> Path:
    """Of a list whose name nobody gave: site and time, nothing else."""
    return Path(f"letters-{site}-{at}.{suffix}")

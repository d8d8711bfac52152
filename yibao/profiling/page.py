"""What a profile found, as one HTML page that needs nothing else: to be sent to whoever keeps the tables."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from yibao.profiling.profile import Dangling, Found, Otherwise, Rows, Unanswered, Wrong

_TITLES: Final[Mapping[type[Found], str]] = {
    Rows: "行数",
    Wrong: "字段不接受的值",
    Dangling: "悬空的关联",
    Otherwise: "金额不符",
    Unanswered: "未判断",
}
_HEADS: Final[Mapping[type[Found], tuple[str, ...]]] = {
    Rows: ("表", "行数", "算数的行"),
    Wrong: ("表", "列", "服务", "字段", "规则", "级别", "行数", "不同值", "示例（打码）", "说明"),
    Dangling: ("表", "列", "指向", "行数"),
    Otherwise: ("表", "规则", "列", "级别", "行数"),
    Unanswered: ("表", "内容", "原因", "完全未知"),
}
_STYLE: Final = (
    "body{font:15px/1.5 sans-serif;margin:2em;color:#222}table{border-collapse:collapse;margin:.5em 0 1.5em}"
    "td,th{border:1px solid #bbb;padding:.2em .6em;text-align:left;vertical-align:top}th{background:#eee}"
)


def page(site: str, found: Mapping[str, Sequence[Found]]) -> str:
    """By source and kind, in Chinese."""
    parts = [f"<h1>映射概况：{escape(site)}</h1>"]
    for source, those in found.items():
        parts.append(f"<h2>来源 {escape(source)}</h2>")
        for kind, title in _TITLES.items():
            rows = [one for one in those if isinstance(one, kind)]
            parts.append(f"<h3>{title}</h3>{_table(_HEADS[kind], rows)}" if rows else f"<h3>{title}</h3><p>无</p>")
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="zh"><head><meta charset="utf-8"><title>映射概况</title><style>{_STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def _table(head: Sequence[str], rows: Sequence[Found]) -> str:
    first = "".join(f"<th>{name}</th>" for name in head)
    others = "".join(f"<tr>{''.join(f'<td>{_cell(value)}</td>' for value in row)}</tr>" for row in rows)
    return f"<table><tr>{first}</tr>{others}</table>"


def _cell(value: object) -> str:
    return escape("、".join(map(str, value)) if isinstance(value, tuple) else f"{value}")

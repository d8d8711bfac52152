"""Panels of a dashboard as one picture (SVG), at the places and with the units that Grafana gives them."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

_WIDE, _UNIT, _GAP, _HEAD = 1680, 36, 6, 46
_COLOURS = ("#3274d9", "#e0752d", "#299c46", "#ba43a9", "#c4162a", "#b88700", "#0a7d8c", "#705da0", "#7a8a00", "#555")
_STEPS = {
    "s": ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (0.001, "ms")),
    "bytes": ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")),
}
_SHORT = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))


class _Box(NamedTuple):
    x: float
    y: float
    w: float
    h: float


def drawing(panels: Sequence[Mapping[str, Any]], *, start: float, end: float) -> str:
    """The picture. panels: as the dashboard has them, each target with what it `found`."""
    high = _HEAD + max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * _UNIT
    parts = [part for panel in panels for part in _panel(panel, start, end)]
    head = f'<text x="12" y="30" font-size="20">{escape(panels[0]["board"])}</text>'
    style = 'font-family="WenQuanYi Micro Hei, Noto Sans CJK SC, sans-serif" fill="#222"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {high}" width="{_WIDE}" height="{high}" {style}>'
        f'<rect width="100%" height="100%" fill="#f4f5f5"/>{head}{"".join(parts)}</svg>\n'
    )


def _panel(panel: Mapping[str, Any], start: float, end: float) -> Iterator[str]:
    at, column = panel["gridPos"], _WIDE / 24
    box = _Box(at["x"] * column + _GAP / 2, _HEAD + at["y"] * _UNIT + _GAP / 2, at["w"] * column - _GAP, at["h"] * _UNIT - _GAP)
    if panel["type"] == "row":
        yield f'<text x="{box.x + 6}" y="{box.y + 20}" font-size="15" font-weight="bold">{escape(panel["title"])}</text>'
        return
    yield f'<rect x="{box.x}" y="{box.y}" width="{box.w}" height="{box.h}" fill="#fff" stroke="#d5d8dc"/>'
    yield f'<text x="{box.x + 8}" y="{box.y + 18}" font-size="13">{escape(panel["title"])}</text>'
    lines = [(_named(target, one["metric"]), one["values"]) for target in panel["targets"] for one in target["found"]]
    draw = {"stat": _stat, "table": _table, "timeseries": _lines}[panel["type"]]
    inner = _Box(box.x + 8, box.y + 26, box.w - 16, box.h - 32)
    yield from draw(panel, inner, lines, _Box(start, 0, end - start, 0))


def _named(target: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    name = target.get("legendFormat") or "  ".join(value for key, value in sorted(labels.items()) if key != "__name__")
    for label, value in labels.items():
        name = name.replace("{{" + label + "}}", value)
    return name


def _stat(panel: Mapping[str, Any], box: _Box, lines: Sequence[Any], window: _Box) -> Iterator[str]:
    """The last value of each line, side by side, as Grafana does; what ended before the window did is not shown."""
    defaults = panel["fieldConfig"]["defaults"]
    unit = defaults["unit"]
    now = [(name, _last(values)) for name, values in lines if float(values[-1][0]) > window.x + window.w - 10]
    across = max(1, min(len(now), int(box.w // 90)))
    down = math.ceil(len(now) / across) or 1
    for number, (name, value) in enumerate(now):
        x, y = box.x + box.w / across * (number % across), box.y + box.h / down * (number // across)
        size, told = min(26.0, box.h / down * 0.42), _said(round(value) if "decimals" in defaults else value, unit)
        colour = _colour(value, defaults["thresholds"]["steps"])
        yield f'<text x="{x}" y="{y + box.h / down * 0.38}" font-size="11" fill="#555">{escape(name)}</text>'
        yield f'<text x="{x}" y="{y + box.h / down * 0.85}" font-size="{size}" fill="{colour}">{told}</text>'
    if not now:
        yield f'<text x="{box.x}" y="{box.y + box.h / 2}" font-size="22">–</text>'


def _table(_panel: Mapping[str, Any], box: _Box, lines: Sequence[Any], window: _Box) -> Iterator[str]:
    rows = [name for name, values in lines if float(values[-1][0]) > window.x + window.w - 10]
    for number, name in enumerate(rows[: int(box.h // 20)]):
        yield f'<text x="{box.x}" y="{box.y + 16 + 20 * number}" font-size="12">{escape(name)}</text>'


def _lines(panel: Mapping[str, Any], box: _Box, lines: Sequence[Any], window: _Box) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    legend = [f"{name}" for name, _ in lines]
    rows = _wrapped(legend, int(box.w // 6.6))
    plot = _Box(box.x + 62, box.y + 4, box.w - 70, box.h - 22 - 15 * len(rows))
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    curves = _stacked(lines) if stacked else [[(float(at), float(value)) for at, value in values] for _, values in lines]
    top = max((value for curve in curves for _, value in curve if math.isfinite(value)), default=0.0) * 1.05 or 1.0
    for part in (0.0, 0.5, 1.0):
        y = plot.y + plot.h * (1 - part)
        yield f'<line x1="{plot.x}" x2="{plot.x + plot.w}" y1="{y}" y2="{y}" stroke="#e3e6e8"/>'
        yield f'<text x="{plot.x - 5}" y="{y + 4}" font-size="10" text-anchor="end">{_said(top * part, defaults["unit"])}</text>'
    for part in (0.0, 0.5, 1.0):
        clock = time.strftime("%H:%M:%S", time.gmtime(window.x + window.w * part))
        anchor = {0.0: "start", 0.5: "middle", 1.0: "end"}[part]
        yield f'<text x="{plot.x + plot.w * part}" y="{plot.y + plot.h + 13}" font-size="10" text-anchor="{anchor}">{clock}</text>'
    for number, curve in enumerate(curves):
        for run in _runs(curve):
            points = " ".join(
                f"{plot.x + plot.w * (at - window.x) / window.w:.1f},{plot.y + plot.h * (1 - value / top):.1f}" for at, value in run
            )
            yield f'<polyline points="{points}" fill="none" stroke="{_COLOURS[number % len(_COLOURS)]}" stroke-width="1.5"/>'
    number = 0
    for row, names in enumerate(rows):
        x = box.x + 4
        for name in names:
            y = box.y + box.h - 15 * (len(rows) - row) + 14
            yield f'<rect x="{x}" y="{y - 8}" width="9" height="3" fill="{_COLOURS[number % len(_COLOURS)]}"/>'
            yield f'<text x="{x + 12}" y="{y}" font-size="11">{escape(name)}</text>'
            x, number = x + 24 + 6.3 * len(name), number + 1


def _wrapped(names: Sequence[str], most: int) -> list[list[str]]:
    """The legend in lines, at most four."""
    rows: list[list[str]] = [[]]
    for name in names:
        if rows[-1] and sum(len(one) + 4 for one in rows[-1]) + len(name) > most:
            rows.append([])
        rows[-1].append(name)
    return rows[:4]


def _stacked(lines: Sequence[Any]) -> list[list[tuple[float, float]]]:
    base: dict[float, float] = {}
    curves = []
    for _, values in lines:
        for at, value in values:
            base[float(at)] = base.get(float(at), 0.0) + (float(value) if math.isfinite(float(value)) else 0.0)
        curves.append([(float(at), base[float(at)]) for at, _ in values])
    return curves


def _runs(curve: Sequence[tuple[float, float]]) -> Iterator[list[tuple[float, float]]]:
    """Parts without a gap: nothing is drawn where nothing was told."""
    run: list[tuple[float, float]] = []
    for at, value in curve:
        if run and (not math.isfinite(value) or at - run[-1][0] > 6):
            yield run
            run = []
        if math.isfinite(value):
            run.append((at, max(0.0, value)))
    if run:
        yield [*run, (run[-1][0] + 1, run[-1][1])]


def _last(values: Sequence[Any]) -> float:
    return next((float(value) for _, value in reversed(values) if math.isfinite(float(value))), math.nan)


def _colour(value: float, steps: Sequence[Mapping[str, Any]]) -> str:
    named = {"green": "#299c46", "yellow": "#b88700", "red": "#c4162a"}
    reached = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return named[reached[-1]]


def _said(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return "–"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    for size, word in _STEPS.get(unit, _SHORT):
        if abs(value) >= size:
            return f"{value / size:.3g} {word}".strip() + ("/s" if unit == "ops" else "")
    return f"{value:.2g}" + ("/s" if unit == "ops" else "")

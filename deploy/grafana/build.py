"""`python -m deploy.grafana.build` writes the four dashboards beside it, as Grafana reads them, from panels_*.py.

No data source is named in them: it is chosen on the screen, and so is the site. A test holds the files against what this makes.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from deploy.grafana.panels_downstream import DELIVERY, OVERVIEW
from deploy.grafana.panels_upstream import CAPTURE, JOIN
from deploy.grafana.shape import Board, Panel

BOARDS: Final[Mapping[str, Board]] = {"overview": OVERVIEW, "delivery": DELIVERY, "capture": CAPTURE, "join": JOIN}
FOLDER: Final = Path(__file__).resolve().parent
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
_CHOSEN: Final = {
    "S": 'site=~"$site"',
    "SRC": 'site=~"$site",source=~"$source"',
    "INST": 'site=~"$site",institution=~"$institution"',
}
_LABELS: Final = {
    "site": ("站点 Site", "label_values(cdc_build_info, site)"),
    "source": ("数据源 Source", 'label_values(cdc_source_stopped{site=~"$site"}, source)'),
    "institution": ("机构 Institution", 'label_values(cdc_institution_key_changed_timestamp_seconds{site=~"$site"}, institution)'),
}
_HIGH: Final = {"stat": 5, "table": 8, "timeseries": 8}
_COLOURS: Final = ("green", "yellow", "red")
_FLOORS: Final = {1: ("red", "green"), 2: ("red", "yellow", "green")}


def dashboard(name: str) -> str:
    """One of them, as a file."""
    board = BOARDS[name]
    document = {
        "uid": f"yibao-{name}",
        "title": f"yibao-cdc · {board.zh} · {board.en}",
        "tags": ["yibao-cdc"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "graphTooltip": 1,
        "annotations": {"list": []},
        "links": [
            {
                "type": "dashboards",
                "tags": ["yibao-cdc"],
                "title": "yibao-cdc",
                "asDropdown": True,
                "keepTime": True,
                "includeVars": True,
            }
        ],
        "templating": {"list": [*_variables(board)]},
        "panels": [*_panels(board)],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def expression(written: str) -> str:
    """An expression with its placeholders filled in, as Grafana has it."""
    for name, matchers in _CHOSEN.items():
        written = written.replace(f"{{{name},", f"{{{matchers},").replace(f"{{{name}}}", f"{{{matchers}}}")
    return written


def _variables(board: Board) -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "数据源 Data source", "type": "datasource", "query": "prometheus", "refresh": 1}
    for name in ("site", *board.variables):
        label, query = _LABELS[name]
        yield {
            "name": name,
            "label": label,
            "type": "query",
            "datasource": _SOURCE,
            "definition": query,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
            "sort": 1,
        }
    address = {"text": "http://127.0.0.1:9464/runbooks", "value": "http://127.0.0.1:9464/runbooks"}
    yield {"name": "runbooks", "label": "手册地址 Runbooks", "type": "textbox", "query": address["value"], "current": address}


def _panels(board: Board) -> Iterator[dict[str, Any]]:
    number, top = 1, 0
    for title, panels in board.rows.items():
        yield {
            "id": number,
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": top, "w": 24, "h": 1},
            "panels": [],
        }
        number, top, left, high = number + 1, top + 1, 0, 0
        for panel in panels:
            if left + panel.width > 24:
                top, left, high = top + high, 0, 0
            height = _HIGH[panel.kind]
            yield _panel(panel, number) | {"gridPos": {"x": left, "y": top, "w": panel.width, "h": height}}
            number, left, high = number + 1, left + panel.width, max(high, height)
        top += high


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "noValue": "–", "thresholds": _thresholds(panel)}
    if panel.kind == "stat" and panel.unit == "short":
        defaults["decimals"] = 0  # `increase` is an estimate between two looks: 51.4 records are none that anybody can count
    if panel.kind == "timeseries":
        custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if panel.stacked else 8, "showPoints": "never"}
        defaults |= {"custom": custom | {"stacking": {"mode": "normal" if panel.stacked else "none"}}, "min": 0}
    return {
        "id": number,
        "type": panel.kind,
        "title": f"{panel.zh} · {panel.en}",
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": _OVERRIDES if panel.kind == "table" else []},
        "options": _OPTIONS[panel.kind],
        "targets": [_target(panel, at) for at in range(len(panel.asks))],
        **({"transformations": _TABLE} if panel.kind == "table" else {}),
    }


def _target(panel: Panel, at: int) -> dict[str, Any]:
    asked, legend = panel.asks[at]
    instant = {"instant": True, "range": False} if panel.kind != "timeseries" else {"instant": False, "range": True}
    form = {"format": "table"} if panel.kind == "table" else {"legendFormat": legend}
    return {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": expression(asked), **instant, **form}


def _thresholds(panel: Panel) -> dict[str, Any]:
    bounds = panel.floors or panel.limits
    colours = _FLOORS[len(panel.floors)] if panel.floors else _COLOURS
    steps = [{"color": colour, "value": value} for colour, value in zip(colours, (None, *bounds), strict=False)]
    return {"mode": "absolute", "steps": steps}


_OPTIONS: Final[Mapping[str, dict[str, Any]]] = {
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "value_and_name",
        "justifyMode": "auto",
    },
    "table": {"showHeader": True, "cellHeight": "sm"},
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
}
_TABLE: Final = [{"id": "organize", "options": {"excludeByName": {"Time": True, "Value": True}}}]
_OVERRIDES: Final = [
    {
        "matcher": {"id": "byName", "options": "alertname"},
        "properties": [
            {"id": "links", "value": [{"title": "处置手册 Runbook", "url": "${runbooks}/${__value.raw}", "targetBlank": True}]}
        ],
    }
]


def main() -> int:
    """Write them."""
    for name in BOARDS:
        (FOLDER / f"{name}.json").write_text(dashboard(name), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

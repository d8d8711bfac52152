"""`python -m deploy.chart_copies`: Helm reads no file outside of a chart, so it holds copies of alerts, dashboards and runbooks."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "helm" / "yibao-cdc" / "files"


def copies() -> Mapping[Path, bytes]:
    """What must stand in the chart, by where. A runbook is named by its alert and language: a ConfigMap has no folders."""
    deploy = ROOT / "deploy"
    found = {FOLDER / "rules.yaml": deploy / "prometheus" / "rules.yaml"}
    found |= {FOLDER / "dashboards" / path.name: path for path in sorted((deploy / "grafana").glob("*.json"))}
    pages = sorted((ROOT / "streams" / "telemetry" / "runbooks").glob("*/*.md"))
    found |= {FOLDER / "runbooks" / f"{path.stem}.{path.parent.name}.md": path for path in pages}
    return {copy: original.read_bytes() for copy, original in found.items()}


def main() -> int:
    """Write them; what has no original any more is removed."""
    wanted = copies()
    for folder in ("dashboards", "runbooks"):
        (FOLDER / folder).mkdir(exist_ok=True)
        for stale in {*(FOLDER / folder).iterdir()} - wanted.keys():
            stale.unlink()
    for copy, content in wanted.items():
        copy.write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())

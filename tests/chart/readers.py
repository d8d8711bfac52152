"""What strangers' programs say of the chart: checkov of everything that it renders, yamllint of its own files. Part of
`make chart-proof`; exit code 1 where one of them finds something, or does not find what is planted.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deploy import chart_tools
from tests.chart.rendering import CHART, TOPOLOGIES, text, values_of

SKIPPED: Final = {
    "CKV_K8S_15": "pull policy Always: a site without a network has its images on its nodes, by a tag that never moves",
    "CKV_K8S_43": "images by digest: a mirror (Harbor) may give them others; `image.digest` is the site's to set",
}
"""What checkov looks for and the chart does not do, with why."""
_PRIVILEGED: Final = ("allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true")
_RULES: Final = "{extends: relaxed, rules: {line-length: disable, comments: {min-spaces-from-content: 1}}}"


class Found(Exception):
    """What was found."""


def main() -> int:
    """As the module says."""
    chart_tools.install("helm", "readers")
    try:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            for topology in TOPOLOGIES:
                (folder / f"{topology}.yaml").write_text(text(values_of(topology)), encoding="utf-8")
            _demand(_checkov(folder))
            _plant(folder / "default.yaml")
            _demand("" if _checkov(folder) else f"checkov does not find {_PRIVILEGED[1]}, which was planted")
        _demand(_yamllint([CHART / "Chart.yaml", CHART / "values.yaml", *sorted((CHART / "ci").rglob("*.yaml"))]))
    except Found as found:
        sys.stderr.write(f"{found}\n")
        return 1
    sys.stdout.write(
        f"checkov: {', '.join(TOPOLOGIES)}: nothing found, what was planted is; left out on purpose: {', '.join(SKIPPED)}\n"
        "yamllint: nothing found\n"
    )
    return 0


def _demand(found: str) -> None:
    if found:
        raise Found(found)


def _plant(file: Path) -> None:
    rendered = file.read_text(encoding="utf-8")
    assert _PRIVILEGED[0] in rendered
    file.write_text(rendered.replace(*_PRIVILEGED), encoding="utf-8")


def _checkov(folder: Path) -> str:
    """What it finds; "" where that is nothing."""
    program = chart_tools.READERS / "bin" / "checkov"
    options = ("--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "--skip-check", ",".join(SKIPPED))
    return _said(sys.executable, program, "--directory", folder, *options)


def _yamllint(files: list[Path]) -> str:
    return _said(sys.executable, "-m", "yamllint", "--strict", "-d", _RULES, *files)


def _said(*command: str | Path) -> str:
    env = {**os.environ, "PYTHONPATH": f"{chart_tools.READERS}", "BC_SKIP_MAPPING": "true"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}" or f"exit code {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())

"""Helm and kubectl against the server, as an operator types them."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from deploy import chart_tools
from tests.cluster.failed import Failed
from tests.cluster.plane import Plane
from tests.cluster.state import Name

RELEASE: Final = "first"
FULL_NAME: Final = "first-yibao-cdc"
_PATIENCE_S: Final = 300.0


class Operator:
    """Whoever runs one Helm in one namespace."""

    def __init__(self, major: int, plane: Plane, namespace: str) -> None:
        self.major = major
        self.namespace = namespace
        homes = dict.fromkeys(("HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"), f"{chart_tools.TOOLS / 'nothing'}")
        self._env: Mapping[str, str] = {
            **os.environ,
            **homes,
            "KUBECONFIG": f"{plane.kubeconfig}",
            "HOME": f"{plane.kubeconfig.parent}",
        }
        self.commands = 0

    def helm(self, *words: str | Path) -> str:
        """What it says. Raises Failed."""
        return self._does([chart_tools.helm(self.major), *words])

    def kubectl(self, *words: str | Path) -> str:
        """What it says. Raises Failed."""
        return self._does([chart_tools.kubectl(), *words])

    def installs(self, chart: Path, values: Sequence[Path], *more: str, timeout_s: int = 120) -> str:
        """A release that is ready. Raises Failed."""
        return self.helm("install", RELEASE, chart, *_files(values), *more, *_waiting(timeout_s))

    def upgrades(self, chart: Path, values: Sequence[Path], *more: str, timeout_s: int = 120) -> str:
        """The same release, ready. Raises Failed."""
        return self.helm("upgrade", RELEASE, chart, *_files(values), *more, *_waiting(timeout_s))

    def uninstalls(self, *more: str) -> str:
        """Raises Failed."""
        return self.helm("uninstall", RELEASE, *more, "--wait", "--timeout", "60s")

    def refused(self, *words: str | Path) -> str:
        """Why Helm fails. Raises Failed where it does not."""
        try:
            said = self.helm(*words)
        except Failed as failed:
            return f"{failed}"
        raise Failed(f"helm {self.major} did what must fail: {' '.join(map(str, words))}\n{said}")

    def manifest(self) -> set[Name]:
        """(kind, name) of what the release has, without hooks. Raises Failed."""
        text = self.helm("get", "manifest", RELEASE)
        made: list[Mapping[str, Any]] = [one for one in yaml.safe_load_all(text) if one]
        return {(one["kind"], one["metadata"]["name"]) for one in made}

    def _does(self, command: Sequence[str | Path]) -> str:
        self.commands += 1
        words = [*command, "--namespace", self.namespace]
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, env=self._env, stdin=subprocess.DEVNULL, timeout=_PATIENCE_S
        )
        if done.returncode != 0:
            shown = " ".join(word.name if isinstance(word, Path) else word for word in words)
            raise Failed(f"{shown}: exit code {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
        return f"{done.stdout}{done.stderr}"


def _files(values: Sequence[Path]) -> list[str | Path]:
    return [word for file in values for word in ("--values", file)]


def _waiting(timeout_s: int) -> tuple[str, ...]:
    return ("--wait", "--wait-for-jobs", "--timeout", f"{timeout_s}s")

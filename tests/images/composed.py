"""deploy/compose.yaml by runc: the services as they stand there, in the order in which they wait for each other."""

import json
import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.images import VERSION
from sandbox.stack.ports import LOOPBACK
from sandbox.stack.service import CHECKOUT
from tests.images.container import UID, Container, Mount, Root
from tests.images.failed import Failed

COMPOSE: Final = CHECKOUT / "deploy" / "compose.yaml"
_SUBSTITUTED: Final = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
_ONCE_S: Final = 240.0
_SLOW: Final = 6
"""A busy machine is given this many times the patience of the file."""


def services(variables: Mapping[str, str], address: str = LOOPBACK) -> Mapping[str, Mapping[str, Any]]:
    """What the file says, with its variables replaced. address: where broker and Connect speak; usually the loopback address."""
    said = yaml.safe_load(with_variables(COMPOSE.read_text("utf-8"), variables))["services"]
    moved = {name: json.loads(json.dumps(one).replace(LOOPBACK, address)) for name, one in said.items()}
    return {name: moved[name] if one["image"].startswith("yibao-cdc-connect:") else one for name, one in said.items()}


def with_variables(text: str, variables: Mapping[str, str]) -> str:
    """`${NAME:-default}` and `$$` as compose reads them."""

    def value(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        return variables.get(found["name"], found["default"] or "")

    return _SUBSTITUTED.sub(value, text)


class Project:
    """Its containers. roots: by the images' names. instead: what stands in the product's containers in place of the image's own.
    address: as for `services`.
    """

    def __init__(
        self,
        roots: Mapping[str, Root],
        folder: Path,
        variables: Mapping[str, str],
        say: Callable[[str], None],
        *,
        instead: Sequence[Mount] = (),
        address: str = LOOPBACK,
    ) -> None:
        self.services = services(variables, address)
        self._roots = roots
        self._folder = folder
        self._say = say
        self._instead = instead
        self.running: dict[str, Container] = {}

    def up(self, names: Sequence[str]) -> None:
        """Start these, each when what it waits for is there. Raises Failed."""
        for name in names:
            for needed, how in self._needs(name).items():
                if needed not in self.running:
                    self.up([needed])
                self._await(needed, how["condition"])
            if name not in self.running:
                self._start(name)

    def once(self, name: str, image: str, command: Sequence[str], like: str) -> str:
        """Run a command to its end, mounted like a service; what it said. Raises Failed where it does not end with 0."""
        service = {**self.services[like], "image": f"{image}:{VERSION}", "command": list(command)}
        container = self._started(name, service)
        code = container.wait(_ONCE_S)
        container.stop()
        if code != 0:
            raise Failed(f"{name} ended with {code}:\n{container.said()}")
        return container.said(1 << 20)

    def healthy(self, name: str) -> None:
        """Wait until a service's own check holds. Raises Failed."""
        self._await(name, "service_healthy")

    def down(self) -> dict[str, tuple[int | None, float]]:
        """Stop all, the last one first: exit code and seconds of each."""
        ended = {}
        for name, container in reversed(self.running.items()):
            how = signal.Signals[self.services[name].get("stop_signal", "SIGTERM")]
            ended[name] = container.stop(how)
        self.running.clear()
        return ended

    def _needs(self, name: str) -> Mapping[str, Mapping[str, str]]:
        needs = self.services[name].get("depends_on", {})
        return needs if isinstance(needs, dict) else {needed: {"condition": "service_started"} for needed in needs}

    def _start(self, name: str) -> None:
        self.running[name] = self._started(name, self.services[name])

    def _started(self, name: str, service: Mapping[str, Any]) -> Container:
        if not (service["read_only"] and service["cap_drop"] == ["ALL"] and service["user"] == "10001:10001"):
            raise Failed(f"{name} is not contained as the others are: {service}")
        container = Container(self._roots[service["image"].partition(":")[0]], self._folder / "containers" / name, name)
        container.start(service.get("command", []), env=service.get("environment", {}), mounts=[*self._mounts(service)])
        return container

    def _mounts(self, service: Mapping[str, Any]) -> list[Mount]:
        mounts = [*self._instead] if service["image"].startswith("yibao-cdc:") else []
        for said in service.get("volumes", []):
            source, target, *how = said.split(":")
            if not source.startswith(("/", ".")):
                place = self._folder / "volumes" / source
                if not place.exists():
                    place.mkdir(parents=True)
                    give(place)
                source = f"{place}"
            mounts.append(Mount(Path(source), target, writable=how != ["ro"]))
        return mounts

    def _await(self, name: str, condition: str) -> None:
        container, began = self.running[name], time.monotonic()
        if condition == "service_completed_successfully":
            if (code := container.wait(_ONCE_S)) != 0:
                raise Failed(f"{name} ended with {code}:\n{container.said()}")
            return
        if condition != "service_healthy":
            return
        check = self.services[name]["healthcheck"]
        if check["test"][0] != "CMD":
            raise Failed(f"{name}: its check is {check['test']}")
        patience = _SLOW * (seconds(check["interval"]) * check["retries"] + seconds(check.get("start_period", "0s")))
        while not container.executes(check["test"][1:], _SLOW * seconds(check["timeout"])):
            if container.ended is not None:
                raise Failed(f"{name} ended with {container.ended}:\n{container.said()}")
            if time.monotonic() - began > patience:
                raise Failed(f"{name} is not healthy after {patience:.0f} s:\n{container.said()}")
            time.sleep(0.5)
        self._say(f"{name} is healthy after {time.monotonic() - began:.0f} s")


def seconds(text: str) -> float:
    """`45s` as a number."""
    return float(text.removesuffix("s"))


def give(place: Path) -> None:
    """A folder, and all that it holds, to the user of the images."""
    for path in (place, *place.rglob("*")):
        path.chmod(0o750 if path.is_dir() else 0o640)
        os.chown(path, UID, UID)

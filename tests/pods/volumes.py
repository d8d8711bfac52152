"""Volumes of a pod as files of this machine, laid out and owned as a kubelet does it."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.images.failed import Failed
from tests.pods.rendered import Pod

_MODE: Final = 0o644
_READ_BY_GROUP: Final = 0o440
_FOLDER: Final = 0o2755
"""Of folders in a volume of files: new files get the folder's group."""
_EMPTY: Final = 0o2777
_DATA: Final = "..2026_12_01_00_00_00.000000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a namespace holds: ConfigMaps and Secrets by their names."""

    maps: Mapping[str, Mapping[str, str]]
    secrets: Mapping[str, Mapping[str, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of a volume."""

    path: str
    content: bytes
    mode: int


def lay_out(pod: Pod, keys: Keys, *, into: Path, disks: Path) -> Mapping[str, Path]:
    """The folder of each volume, by its name. disks: where claims keep what outlasts a pod. Raises Failed for what is not there."""
    group = pod.spec.get("securityContext", {}).get("fsGroup", 0)
    found = {}
    for volume in pod.spec["volumes"]:
        folder = into / volume["name"]
        folder.mkdir(parents=True)
        if "emptyDir" in volume:
            _own(folder, group, _EMPTY)
        else:
            _write(folder, list(entries(volume, keys)), group)
        found[volume["name"]] = folder
    for name, claim in pod.claims.items():
        found[name] = disks / claim
        found[name].mkdir(parents=True, exist_ok=True)
        _own(found[name], group, 0o2775)
    return found


def entries(volume: Mapping[str, Any], keys: Keys) -> Iterator[Entry]:
    """The files of a volume that is made of ConfigMaps and Secrets. Raises Failed."""
    match volume:
        case {"projected": projected}:
            for source in projected["sources"]:
                ((kind, one),) = source.items()
                yield from _of(kind, one["name"], one, keys, projected.get("defaultMode", _MODE))
        case {"configMap": one}:
            yield from _of("configMap", one["name"], one, keys, one.get("defaultMode", _MODE))
        case {"secret": one}:
            yield from _of("secret", one["secretName"], one, keys, one.get("defaultMode", _MODE))
        case _:
            raise Failed(f"a volume of a kind that is not known here: {volume}")


def _of(kind: str, name: str, one: Mapping[str, Any], keys: Keys, mode: int) -> Iterator[Entry]:
    if kind not in ("configMap", "secret"):
        raise Failed(f"a source of files that is not known here: {kind}")
    there: Mapping[str, str | bytes] | None = keys.maps.get(name) if kind == "configMap" else keys.secrets.get(name)
    if there is None:
        raise Failed(f"{kind} {name} is not there: the pod would wait for it")
    for item in one.get("items") or [{"key": key, "path": key} for key in there]:
        if item["key"] not in there:
            raise Failed(f"{kind} {name} has no {item['key']}: the pod would wait for it")
        content = there[item["key"]]
        yield Entry(
            path=item["path"],
            content=content.encode() if isinstance(content, str) else content,
            mode=item.get("mode", mode),
        )


def _write(folder: Path, files: list[Entry], group: int) -> None:
    """By links, as it is done so that an update comes whole. Each is root's, and read by the group of the pod."""
    data = folder / _DATA
    for one in files:
        target = data / one.path
        if target.exists():
            raise Failed(f"{one.path} stands twice in a volume")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(one.content)
        _own(target, group, one.mode | (_READ_BY_GROUP if group else 0))
    for place in (folder, data, *(path for path in data.rglob("*") if path.is_dir())):
        _own(place, group, _FOLDER)
    (folder / "..data").symlink_to(_DATA)
    for top in sorted(data.iterdir()):
        (folder / top.name).symlink_to(Path("..data") / top.name)


def _own(path: Path, group: int, mode: int) -> None:
    os.chown(path, -1, group)
    path.chmod(mode)

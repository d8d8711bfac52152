"""The profile that a runtime applies for `seccompProfile: RuntimeDefault`, as runc reads it, from the file of Debian's
golang-github-containers-common, which comes with buildah.
"""

import json
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

FILE: Final = Path("/usr/share/containers/seccomp.json")
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_NOT_THERE: Final = 38
"""ENOSYS: what a call that nobody knows answers."""


def default() -> Mapping[str, Any]:
    """Of a container without capabilities. Raises OSError where the file is missing."""
    return profile(json.loads(FILE.read_text("utf-8")), _ARCHITECTURES[platform.machine()])


def profile(told: Mapping[str, Any], architecture: str) -> Mapping[str, Any]:
    """The rules for an architecture (amd64, arm64) and a container without capabilities."""
    names = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64"}
    (own,) = (one for one in told["archMap"] if one["architecture"] == names[architecture])
    return {
        "defaultAction": told["defaultAction"],
        "defaultErrnoRet": told.get("defaultErrnoRet", _NOT_THERE),
        "architectures": [own["architecture"], *own.get("subArchitectures", [])],
        "syscalls": list(_rules(told["syscalls"], architecture)),
    }


def _rules(told: list[Mapping[str, Any]], architecture: str) -> Iterator[Mapping[str, Any]]:
    for one in told:
        only, never = one.get("includes") or {}, one.get("excludes") or {}
        if only.get("caps") or architecture not in only.get("arches", [architecture]) or architecture in never.get("arches", []):
            continue
        rule = {"names": one["names"], "action": one["action"]}
        if one.get("args"):
            rule["args"] = [{key: value for key, value in arg.items() if value is not None} for arg in one["args"]]
        if one.get("errnoRet") is not None:
            rule["errnoRet"] = one["errnoRet"]
        yield rule

"""Holds resources against the schemas of Kubernetes that deploy/chart_tools.py installs. A process of its own: they bring their own
versions of packages.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deploy import chart_tools

_PROGRAM = """
import json, pathlib, sys
import kubernetes_validate, jsonschema
from referencing import Registry, Resource
folder = pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
faults = []
for version, documents in json.load(sys.stdin).items():
    place = folder / f"v{version}.0-local-strict"
    registry = Resource.from_contents(json.loads((place / "_definitions.json").read_text())) @ Registry()
    known = {}
    for text in documents:
        one = json.loads(text)
        group, _, api = one["apiVersion"].rpartition("/")
        name = "-".join(filter(None, (one["kind"].lower(), group.split(".")[0], api)))
        if name not in known:
            schema = json.loads((place / f"{name}.json").read_text())
            known[name] = jsonschema.Draft202012Validator(schema, registry=Resource.from_contents(schema) @ registry)
        for error in known[name].iter_errors(one):
            faults.append(f"{version} {one['kind']} {one['metadata']['name']}: {error.json_path}: {error.message[:200]}")
json.dump(faults, sys.stdout)
"""


def faults(by_version: Mapping[str, Iterable[str]]) -> Sequence[str]:
    """What the schemas say against resources (JSON texts), by version of Kubernetes. Unknown fields are faults."""
    chart_tools.install("schemas")
    asked: dict[str, Any] = {version: sorted(set(documents)) for version, documents in by_version.items()}
    environment = {**os.environ, "PYTHONPATH": f"{chart_tools.SCHEMAS}"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], input=json.dumps(asked), capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)

"""`make chart-cluster`: both Helms install, upgrade and take away the chart, on a real control plane on the loopback address.

The server, its controllers and its database are Kubernetes' own and etcd (deploy/control_plane.py); of a node there is a stand-in,
which runs nothing (tests/cluster/node.py). The last line has the figures. Exit codes: 0 all holds, 1 not, 2 cannot be proved.
"""

import argparse
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from deploy import chart_tools, control_plane
from deploy.jars import Altered
from deploy.steps import ROOT, StepFailed
from streams.errors import Misconfigured
from tests.cluster import dry, planted
from tests.cluster.course import Course, Ground
from tests.cluster.failed import Failed
from tests.cluster.node import Node
from tests.cluster.plane import running

FOLDER: Final = ROOT / ".yibao" / "chart" / "cluster"
PARTS: Final = ("dry", "planted", "3", "4")


def main() -> int:
    """As the module says."""
    parser = argparse.ArgumentParser(prog="make chart-cluster", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all of them without a word")
    parser.add_argument("--keep", action="store_true", help="keep the logs of the servers")
    asked = parser.parse_args()
    began = time.monotonic()
    try:
        chart_tools.install("helm")
        figures = prove(control_plane.provide(), asked.parts or list(PARTS), FOLDER)
    except (StepFailed, Altered, Misconfigured) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except Failed as failed:
        sys.stderr.write(f"the chart does not hold: {failed}\n")
        return 1
    except Exception:  # noqa: BLE001 - the exit code is 1 for whatever happened
        sys.stderr.write(traceback.format_exc())
        return 1
    finally:
        if not asked.keep:
            shutil.rmtree(FOLDER, ignore_errors=True)
    say(f"{figures}; {time.monotonic() - began:.0f} s in all")
    return 0


def prove(parts: control_plane.ControlPlane, asked: list[str], folder: Path) -> str:
    """The figures, in one line. Raises Failed."""
    told = []
    with running(parts, folder / "plane") as plane, Node(plane.api) as node:
        version = plane.api.get("/version")["gitVersion"]
        say(f"kube-apiserver {version}, controllers and etcd run after {plane.ready_s:.1f} s")
        kinds = dry.define(plane.api, parts.definitions)
        told.append(f"Kubernetes {version} with {len(kinds)} kinds of operators")
        ground = Ground(plane, node, plane.api.kinds(), say)
        if "dry" in asked:
            told.append(dry.prove(plane.api))
            say(told[-1])
        told += [Course(ground, major).run() for major in chart_tools.HELMS if f"{major}" in asked]
        if "planted" in asked:
            told.append(planted.prove(ground, folder / "planted"))
        if node.faults:
            raise Failed(f"the stand-in was refused: {node.faults[:3]}")
    return "; ".join(told)


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

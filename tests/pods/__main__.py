"""The chart's pods as they are rendered, run from the images (`make images-proof`; IMAGES_ARGS=--pods for these alone).

Every pod that a default release makes (workers of all stages, the jobs of topics and connectors, replay, helm test, uninstall) is
run by runc as a kubelet does it: image, command, environment, mounts, rights, profile of seccomp, hosts, probes, grace. Each has
an address of its own, in a network that only this process sees. Exit codes: 0 all holds, 1 not, 2 cannot be proved.
"""

import os
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from deploy import chart_tools
from deploy.images import IMAGES, Store
from deploy.steps import StepFailed
from sandbox.stack.service import CHECKOUT
from streams.errors import Misconfigured
from tests.images.container import Root
from tests.images.failed import Failed
from tests.pods import network
from tests.pods.course import Course

FOLDER: Final = CHECKOUT / ".yibao" / "images" / "pods"
_NETWORK: Final = Path("/proc/self/ns/net")
_MACHINES: Final = "YIBAO_PROOF_NETWORK"
"""The network that the proof was started in, told to its own process."""


def run_alone() -> int:
    """The exit code of the proof in a network of its own."""
    env = {**os.environ, _MACHINES: f"{_NETWORK.readlink()}"}
    return subprocess.run(["unshare", "--net", sys.executable, "-m", "tests.pods"], env=env, check=False).returncode


def main() -> int:
    """As the module says."""
    if os.environ.get(_MACHINES, f"{_NETWORK.readlink()}") == f"{_NETWORK.readlink()}":
        return run_alone()
    began = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    roots: dict[str, Root] = {}
    try:
        chart_tools.install("helm")
        network.up()
        store = Store()
        roots.update({image.name: Root(store, image.tag) for image in IMAGES})
        figures = Course(roots, FOLDER, say).run()
    except (StepFailed, Misconfigured) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except Failed as failed:
        sys.stderr.write(f"the chart's pods do not hold: {failed}\n")
        return 1
    except Exception:  # noqa: BLE001 - the exit code is 1 for whatever happened
        sys.stderr.write(traceback.format_exc())
        return 1
    finally:
        for root in roots.values():
            root.close()
        shutil.rmtree(FOLDER, ignore_errors=True)
    say(f"{figures}; {time.monotonic() - began:.0f} s")
    return 0


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Builds what `make chart-cluster` installs the chart on: Kubernetes' own kube-apiserver and kube-controller-manager, with etcd,
and the definitions of the custom resources that the chart makes (deploy/definitions.py).

The programs are built from the published Go module that deploy/cluster/server locks; etcd is Debian's, unpacked and not installed.
Where they lie: deploy/go.py. Usage: control_plane.py. Exit codes: 0 done, 1 a step failed, 2 something is missing on this machine.
"""

import fcntl
import re
import shutil
import sys
from pathlib import Path
from typing import Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from deploy import definitions
from deploy.debian import unpack
from deploy.go import LOGS, PINS, build, cache, key_of
from deploy.jars import Altered
from deploy.steps import StepFailed, is_stamped, timed
from streams.errors import Misconfigured

PROGRAMS: Final = ("kube-apiserver", "kube-controller-manager")


class ControlPlane(NamedTuple):
    """Where the parts are."""

    apiserver: Path
    controllers: Path
    etcd: Path
    definitions: Path
    """Folder of CustomResourceDefinitions, a YAML file each."""


def provide() -> ControlPlane:
    """Fetch and build what is not there, the first time for some 20 minutes. Raises StepFailed, Altered, Misconfigured."""
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # checkouts share it
        etcd, programs = _etcd(), _programs()
        return ControlPlane(programs / PROGRAMS[0], programs / PROGRAMS[1], etcd, definitions.make())


def _etcd() -> Path:
    folder = cache() / "etcd"
    if not is_stamped(folder / ".stamp", "etcd-server"):
        if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
            raise Misconfigured("etcd is taken from Debian's packages, and this machine has no apt-get: prove the chart elsewhere")
        mend = "mend: check /etc/apt/sources.list and the connection, then: make chart-cluster"
        with timed("etcd (apt-get download)"):
            unpack(["etcd-server"], folder, log=LOGS / "cluster-etcd.log", mend=mend, stamp="etcd-server")
    return folder / "usr" / "bin" / "etcd"


def _programs() -> Path:
    version = kubernetes()
    place = cache() / f"kubernetes-{version}-{key_of('server')}"
    if not all((place / program).is_file() for program in PROGRAMS):
        with timed("kube-apiserver, kube-controller-manager (deploy/cluster/server; some 20 minutes)"):
            major, minor, _ = version.split(".")
            told = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
            named = {f"k8s.io/component-base/version.{name}": text for name, text in told.items()}
            build("server", [f"./cmd/{program}" for program in PROGRAMS], place, title="kube-apiserver", told=named)
    return place


def kubernetes() -> str:
    """The version of Kubernetes that is locked, such as 1.36.3."""
    found = re.search(r"k8s\.io/kubernetes v(\d+\.\d+\.\d+)", (PINS / "server" / "go.mod").read_text("utf-8"))
    if found is None:
        raise Misconfigured("deploy/cluster/server/go.mod names no version of k8s.io/kubernetes")
    return found[1]


def main() -> int:
    """As the module says."""
    try:
        provide()
    except (StepFailed, Altered, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    except Misconfigured as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

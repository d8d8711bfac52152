"""`make images-proof`: the images are built, looked at and run, without a Docker engine; then the whole flow runs from them, as
deploy/compose.yaml says, and once more as the pods that the chart renders (tests/pods).

Each container has a read-only root, no capabilities, no way to new rights and the user 10001. The last line
has the figures. Needs root, on Debian; exit codes: 0 all holds, 1 not, 2 cannot be proved.
"""

import argparse
import shutil
import sys
import time
import traceback
import zipfile
from typing import Final

from deploy import images, wheelhouse, wheels
from deploy.images import IMAGES, Store
from deploy.steps import StepFailed
from sandbox.stack.service import CHECKOUT
from streams.errors import Misconfigured
from tests.images import flow, thinnest
from tests.images.container import Mount, Root
from tests.images.failed import Failed
from tests.images.looked_at import look
from tests.images.read import read_files
from tests.pods.__main__ import run_alone

FOLDER: Final = CHECKOUT / ".yibao" / "images" / "proof"


def main() -> int:
    """As the module says."""
    parser = argparse.ArgumentParser(prog="make images-proof", description=__doc__)
    parser.add_argument("--built", action="store_true", help="take the images that were built before")
    parser.add_argument("--pure", action="store_true", help="the flow alone, with the faust-streaming that aarch64 gets")
    parser.add_argument("--pods", action="store_true", help="the chart's pods alone, from the images that were built before")
    parser.add_argument("--keep", action="store_true", help="keep the files")
    asked = parser.parse_args()
    if asked.pods:
        return run_alone()
    began = time.monotonic()
    try:
        checked = read_files()
        say(checked)
        store = Store() if asked.built else images.build_all()
        figures = prove(store, keep=asked.keep, is_pure=asked.pure)
    except (StepFailed, Misconfigured, wheels.BuildFailed) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except Failed as failed:
        sys.stderr.write(f"the images do not hold: {failed}\n")
        return 1
    except Exception:  # noqa: BLE001 - the exit code is 1 for whatever happened
        sys.stderr.write(traceback.format_exc())
        return 1
    code = 0 if asked.pure else run_alone()
    say(f"{figures}; {checked}; {time.monotonic() - began:.0f} s in all" + ("" if code == 0 else "; the chart's pods do not hold"))
    return code


def prove(store: Store, *, keep: bool, is_pure: bool = False) -> str:
    """The figures, in one line. is_pure: of the flow with the wheel that is built for aarch64 in place of faust. Raises Failed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    roots: dict[str, Root] = {}
    try:
        roots.update({image.name: Root(store, image.tag) for image in IMAGES})
        if is_pure:
            return f"faust without compiled parts: {flow.prove(roots, FOLDER / 'flow', say, instead=[_pure_faust()])}"
        told = [_looked_at(name, root) for name, root in roots.items()]
        told.append(thinnest.prove(roots["yibao-cdc"], FOLDER / "thinnest", say))
        told.append(flow.prove(roots, FOLDER / "flow", say))
    finally:
        for root in roots.values():
            root.close()
        if not keep:
            shutil.rmtree(FOLDER, ignore_errors=True)
    return "; ".join(told)


def _pure_faust() -> Mount:
    """The package of the wheel that aarch64 gets, for it has no compiled parts. Raises Failed."""
    wheels_there = sorted(wheelhouse.gather("aarch64").glob("faust_streaming-*-none-any.whl"))
    if len(wheels_there) != 1:
        raise Failed(f"one wheel of faust-streaming that fits any machine is expected, there are {len(wheels_there)}")
    with zipfile.ZipFile(wheels_there[0]) as packed:
        packed.extractall(FOLDER / "pure")
    if found := sorted((FOLDER / "pure").rglob("*.so")):
        raise Failed(f"{wheels_there[0].name} has compiled parts: {found[0].name}")
    return Mount(FOLDER / "pure" / "faust", "/app/lib/python3.11/site-packages/faust")


def _looked_at(name: str, root: Root) -> str:
    found = look(name, root)
    told = f"{name} {found.bytes / 1e6:.0f} MB, {found.setuid} setuid files, uid {root.config['User'].partition(':')[0]}"
    say(f"{told}, {found.files} files")
    return told


def say(text: str) -> None:
    """A line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

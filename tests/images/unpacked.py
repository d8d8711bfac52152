"""An image out of a registry, unpacked by umoci and run by runc: what a node does with it."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.images.container import RUNC, UID, spec
from tests.images.failed import Failed


def run_unpacked(layout: Path, folder: Path, command: Sequence[str]) -> str:
    """The first two lines that a command of an image says, as one; layout: of OCI, with the tag `proof`. Raises Failed."""
    folder.mkdir()
    bundle = folder / "bundle"
    _done(["umoci", "unpack", "--image", f"{layout}:proof", f"{bundle}"])
    made = json.loads((bundle / "config.json").read_text("utf-8"))["process"]
    words = [*made["args"][:1], *command]
    told = spec(bundle / "rootfs", words, made["env"], [], UID)
    (bundle / "config.json").write_text(json.dumps(told), "utf-8")
    said = _done([RUNC, "--root", f"{folder / 'runc'}", "run", "--bundle", f"{bundle}", "yibao-bundle-proof"])
    return ", ".join(said.splitlines()[:2])


def _done(words: Sequence[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout[-800:]}{done.stderr[-1500:]}")
    return done.stdout

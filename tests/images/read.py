"""The files that people read, by those who read many: Dockerfiles by hadolint, compose by its schema, the script by shellcheck."""

import os
import subprocess
import sys

from deploy import image_tools
from deploy.images import IMAGES, ROOT
from tests.images.failed import Failed


def read_files() -> str:
    """What was read. Raises Failed with what they say."""
    tools = image_tools.install_packages()
    dockerfiles = sorted({ROOT / image.file for image in IMAGES})
    commands = {
        "hadolint": [tools / "bin" / "hadolint", *dockerfiles],
        "the schema of compose": [
            *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
            ROOT / "deploy" / "compose.yaml",
        ],
        "shellcheck": [tools / "bin" / "shellcheck", ROOT / "deploy" / "bundle" / "load.sh"],
    }
    for name, command in commands.items():
        env = {**os.environ, **image_tools.environment()}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        if done.returncode != 0:
            raise Failed(f"{name}:\n{done.stdout}{done.stderr}")
    return f"{', '.join(commands)}: nothing found"

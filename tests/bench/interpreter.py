"""On which Python something was measured, and on which the product should run: builds of one version differ by a fifth."""

import platform
import sysconfig
from typing import Any, Final

from streams.built import core

DEPLOY_ON: Final = (
    "deploy on Debian's own python3.11: it runs the fold at 0.83 of the CPU of a 3.11 from pyenv (docs/performance.md)"
)


def interpreter() -> dict[str, Any]:
    """This Python and how it was built. What a distribution does beside `configure`, such as profiling, is not told by it."""
    return {
        "version": f"{platform.python_implementation()} {platform.python_version()}",
        "build": " ".join(platform.python_build()),
        "compiler": platform.python_compiler(),
        "prefix": f"{sysconfig.get_config_var('prefix')}",
        "configured": f"{sysconfig.get_config_var('CONFIG_ARGS') or ''}",
        "core": f"{core()}",
    }


def lines() -> list[str]:
    """The same as a person reads it, with what to deploy on."""
    here = interpreter()
    return [
        f"measured on {here['version']} in {here['prefix']} ({here['build']}; {here['compiler']}); core: {here['core']}",
        DEPLOY_ON,
    ]

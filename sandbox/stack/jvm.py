"""The command line of a Java server, and its configuration from a template of this package."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from sandbox.java import find_java, path_for_java
from sandbox.stack.service import Distribution, Home
from streams.private_files import write_private

_NOT_SO_THOROUGH: Final = "-XX:TieredStopAtLevel=1"
"""The thorough compiler takes half of the CPU of a start, and a short life never pays it back."""
_LOGGING: Final = "log4j2.properties"
_ESCAPED: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "=": "\\=", ":": "\\:", "#": "\\#", "!": "\\!"}


def java_command(dist: Distribution, home: Home, *, heap_mb: int, main: str, agents: Sequence[str] = ()) -> list[str | Path]:
    """`java … main`, with a heap of at most `heap_mb` MiB and logging to standard output. Raises Misconfigured without a Java.

    Java names files in the encoding of its locale, and log4j takes `%`, `#` and `+` in a path for an address: hence the locale, and
    a name without a path. agents: what `-javaagent:` is told of each, by names in the folder of the configuration.
    """
    logging = render(home, _LOGGING, {})
    heap = ["-Xms96m", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError", _NOT_SO_THOROUGH]
    inside = ["-XX:-UsePerfData", f"-Djava.io.tmpdir={home.scratch}"]  # otherwise in /tmp, whatever TMPDIR says
    where: list[str | Path] = ["env", "-C", logging.parent, "LC_ALL=C.UTF-8"]
    return [
        *where,
        find_java(),
        *heap,
        *inside,
        f"-Dlog4j2.configurationFile={_LOGGING}",
        *(f"-javaagent:{agent}" for agent in agents),
        "-cp",
        f"{path_for_java(dist.lib)}/*",
        main,
    ]


def render(home: Home, template: str, values: dict[str, object], *, name: str = "") -> Path:
    """Write a configuration file from its template, under that name or another; return where it is."""
    text = resources.files("sandbox.stack").joinpath(template).read_text("utf-8")
    if values:
        text = Template(text).substitute({name: property_value(value) for name, value in values.items()})
    target = home.conf / (name or template)
    write_private(target, _in_ascii(text))
    return target


def property_value(value: object) -> str:
    """The value as a line of a `.properties` file says it: Java reads ISO-8859-1. Raises Misconfigured, as `path_for_java` does."""
    text = path_for_java(value) if isinstance(value, Path) else f"{value}"
    escaped = "".join(_ESCAPED.get(sign, sign) for sign in text)
    return _in_ascii(f"\\{escaped}" if escaped.startswith(" ") else escaped)


def _in_ascii(text: str) -> str:
    units = text.encode("utf-16-be")
    numbers = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(number) if number < 0x80 else f"\\u{number:04x}" for number in numbers)

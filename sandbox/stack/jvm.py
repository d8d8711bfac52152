"""The command line of a Java server, and its configuration from a template of this package."""

from importlib import resources
from pathlib import Path
from string import Template

from sandbox.java import find_java
from sandbox.stack.service import Distribution, Home
from streams.private_files import write_private


def java_command(dist: Distribution, home: Home, *, heap_mb: int, main: str) -> list[str | Path]:
    """`java … main`, with a heap of at most `heap_mb` MiB and logging to standard output. Raises Misconfigured without a Java."""
    logging = render(home, "log4j2.properties", {})
    heap = ["-Xms96m", f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"]
    return [find_java(), *heap, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{dist.lib}/*", main]


def render(home: Home, template: str, values: dict[str, object]) -> Path:
    """Write a configuration file from its template; return where it is."""
    text = resources.files("sandbox.stack").joinpath(template).read_text("utf-8")
    if values:
        text = Template(text).substitute(values)
    target = home.conf / template
    write_private(target, text)
    return target

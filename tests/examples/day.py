"""The page "your hospital in a day", typed as it is printed, and held against the SQL of the example that it walks on."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from sandbox.stack import Stack
from sandbox.stack.ports import free_port
from sandbox.stack.service import CHECKOUT
from streams.broker_wiring import broker_access
from streams.mapping import load_site
from streams.topics.broker import Broker
from tests.examples.course import Figures, Run, demand_once
from tests.examples.files import example, lines
from tests.examples.hospital import Hospital
from tests.examples.reported import Accepted
from tests.examples.typed import PORTS, Copy, Wrong, at
from tests.walk.readme import with_ports
from tests.walk.terminal import Terminal

PAGE = CHECKOUT / "docs" / "day.md"
EXAMPLE = "large"
_COMMAND_S = 400.0
_STARTS, _LIVES = "yibao worker all", "psql -q -h 127.0.0.1 -p 25432 -U postgres -d large -v ON_ERROR_STOP=1 -f edits.sql"


def walk(folder: Path, *, say: Callable[[str], object]) -> Figures:
    """Type all of the page in a fresh folder, on a stack of its own. Raises Wrong."""
    clear(folder)
    folder.mkdir(parents=True)
    for name in (".venv", "deploy"):
        (folder / name).symlink_to(CHECKOUT / name)
    terminal = Terminal(folder)
    try:
        return _walk(terminal, folder / "mysite", lines(PAGE), say=say)
    finally:
        terminal.close()
        clear(folder)


def clear(folder: Path) -> None:
    """Leave nothing of a walk, also of one that was killed."""
    Stack(folder / "mysite" / "stack").erase()
    shutil.rmtree(folder, ignore_errors=True)


def _walk(terminal: Terminal, site: Path, typed: Sequence[str], *, say: Callable[[str], object]) -> Figures:
    instead = {port: free_port(set()) for port in PORTS.values()}
    begins, lives = (next(n for n, line in enumerate(typed) if line.startswith(start)) for start in (_STARTS, _LIVES))
    with ExitStack() as stack:
        for line in typed[: begins + 1]:
            _type(terminal, with_ports(line, instead), say)
            if line.startswith("cp -r "):
                file = site / "site.yaml"
                file.write_text(with_ports(file.read_text("utf-8"), instead), "utf-8")
        hospital = stack.enter_context(Hospital(example(EXAMPLE), host="127.0.0.1", port=instead[PORTS["postgres"]]))
        hospital.open()
        stack.enter_context(at(site))
        loaded = load_site(site / "site.yaml")
        broker = stack.enter_context(Broker(broker_access(loaded)))
        accepted = Accepted(url=f"{loaded.platform.url}".rstrip("/"))
        run = Run(hospital=hospital, copy=Copy(file=site / "site.yaml"), site=loaded, accepted=accepted, broker=broker, say=say)
        run.hold("what stood in the database")
        for line in typed[begins + 1 : lives + 1]:
            _type(terminal, with_ports(line, instead), say)
        run.hold("a day and a night")
        for line in typed[lives + 1 :]:
            _type(terminal, with_ports(line, instead), say)
        run.hold("after the page")
        demand_once(accepted.stats())
        return run.figures(hospital.expected())


def _type(terminal: Terminal, line: str, say: Callable[[str], object]) -> None:
    ended = terminal.run(line, within_s=_COMMAND_S)
    if ended.code:
        raise Wrong(f"`{line}` ended with {ended.code}:\n{ended.printed.strip()[-3000:]}")
    say(f"          {line}")

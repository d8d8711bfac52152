"""`make walk-proof`: the README's section about a site, command by command, by somebody who reads nothing else; then ways of the
operator's guide (docs/guide.md) on its worst days.

In a fresh folder, on the embedded stack, with the simulated platform and the sample hospital. Of the README the only edits are
those that the section names: another port where one is taken, and the ID that `dlq list` shows. WALK_ARGS names some of the walks.
"""

import argparse
import json
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from sandbox.stack import Stack
from sandbox.stack.ports import free_port, is_free
from sandbox.stack.service import CHECKOUT
from tests.walk.readme import commands, ports, with_ports
from tests.walk.terminal import Ended, Terminal

_COMMAND_S = 400.0
_OUTCOME_S = 240.0
_AGAIN_S = 2.0


FOLDER = CHECKOUT / ".yibao" / "walk"
README = "readme"
GUIDE = ("connect_offsets_lost", "kafka_lost", "more_partitions")
"""Modules of this folder, each a way of the guide."""


class Astray(Exception):
    """The walk did not lead where the README says."""


def main() -> int:
    """0 when every walk led where its page says."""
    parser = argparse.ArgumentParser(prog="make walk-proof", description=__doc__)
    parser.add_argument("walks", nargs="*", choices=[README, *GUIDE, []], help="all of them without a word")
    asked = parser.parse_args().walks or [README, *GUIDE]
    codes = [_readme() if walk == README else _guide(walk) for walk in asked]
    return max(codes)


def _guide(walk: str) -> int:
    """0 when a way of the guide led where it says."""
    folder, began = FOLDER / walk, time.monotonic()
    _clear(folder)
    folder.mkdir(parents=True)
    try:
        figures = import_module(f"tests.walk.{walk}").prove(folder, lambda text: print(text, flush=True))
    except Exception:  # noqa: BLE001 - the walks behind it say something all the same
        sys.stderr.write(f"{walk}: {traceback.format_exc()}\n")
        return 1
    finally:
        _clear(folder)
    print(f"{walk}: {figures}; {time.monotonic() - began:.0f} s", flush=True)
    return 0


def _readme() -> int:
    """0 when the walk led to accepted records and to dead letters that can be read."""
    _clear(FOLDER)
    FOLDER.mkdir(parents=True)
    for name in (".venv", "deploy"):
        (FOLDER / name).symlink_to(CHECKOUT / name)
    began, terminal = time.monotonic(), Terminal(FOLDER)
    try:
        _Walk(terminal, FOLDER / "mysite").go(commands(CHECKOUT / "README.md"))
    except (Astray, TimeoutError, EOFError) as stopped:
        sys.stderr.write(f"{type(stopped).__name__}: {stopped}\n")
        for log in (FOLDER / "mysite").glob("*.log"):
            sys.stderr.write(f"the end of {log.name}:\n{log.read_text('utf-8', 'replace')[-3000:]}\n")
        return 1
    finally:
        terminal.close()
        _clear(FOLDER)
    print(f"the README's walk leads to accepted records: {time.monotonic() - began:.0f} s")
    return 0


def _clear(folder: Path) -> None:
    """Leave nothing of a walk, also of one that was killed; `make clean` finds a stack there, too."""
    for stack in (folder / "mysite" / "stack", folder / "stack"):
        Stack(stack).erase()
    shutil.rmtree(folder, ignore_errors=True)


class _Walk:
    """The commands one by one, each with what must be true after it."""

    def __init__(self, terminal: Terminal, site: Path) -> None:
        self._terminal = terminal
        self._site = site
        self._instead: dict[int, int] = {}
        self._after: dict[str, Callable[[str, Ended], None]] = {
            "cp ": self._edit_ports,
            "yibao hospital create": self._password_is_closed,
            "yibao check": self._files_are_right,
            "yibao connector plan": self._nothing_stands_against_it,
            "yibao platform stats": self._records_are_accepted,
            "yibao dlq summary": self._letters_are_counted,
            "yibao dlq show": self._letter_is_shown,
        }

    def go(self, lines: Sequence[str]) -> None:
        """Every command must end with 0, and be followed by what the README promises of it."""
        self._instead = {port: free_port(set()) for port in ports(lines) if not is_free(port)}
        for line in lines:
            command = with_ports(line, self._instead)
            if command.startswith("yibao dlq show"):
                command = command.replace("ID", self._some_letter())
            if command.startswith("kill "):
                self._ends_are_told_by_their_codes()
            began = time.monotonic()
            ended = self._typed(command)
            for start, look in self._after.items():
                if command.startswith(start):
                    look(command, ended)
            print(f"{time.monotonic() - began:6.1f} s  {command}", flush=True)
        self._code(3, "yibao connector plan")

    def _typed(self, command: str, *, code: int = 0) -> Ended:
        ended = self._terminal.run(command, within_s=_COMMAND_S)
        _demand(ended.code == code, f"`{command}` ended with {ended.code} in place of {code}", ended)
        return ended

    def _edit_ports(self, _command: str, _ended: Ended) -> None:
        file = self._site / "site.yaml"
        file.write_text(with_ports(file.read_text("utf-8"), self._instead), "utf-8")

    def _password_is_closed(self, command: str, ended: Ended) -> None:
        file = self._site / command.rsplit(maxsplit=1)[-1]
        modes = [f"{path.stat().st_mode & 0o777:o}" for path in (file.parent, file)]
        _demand(modes == ["700", "600"], f"{file.name} and its folder have the modes {modes}", ended)

    def _files_are_right(self, command: str, ended: Ended) -> None:
        _demand(ended.printed.rstrip().endswith("no errors"), f"`{command}` found something", ended)
        _demand("note:" not in ended.printed, f"`{command}` has something to say against the sample", ended)
        self._typed("yibao check --live")

    def _nothing_stands_against_it(self, command: str, ended: Ended) -> None:
        _demand("blocks:" not in ended.printed, f"`{command}` found something", ended)

    def _records_are_accepted(self, command: str, _ended: Ended) -> None:
        self._until(command, lambda told: all(told["accepted"].get(service) for service in ("mdtrt_d", "setl_d", "fee_list_d")))

    def _letters_are_counted(self, command: str, _ended: Ended) -> None:
        self._until(command, lambda told: told["total"] > 0 and told["complete"])

    def _letter_is_shown(self, command: str, ended: Ended) -> None:
        _demand(command.rsplit(maxsplit=1)[-1] in ended.printed, f"`{command}` shows another letter", ended)

    def _some_letter(self) -> str:
        letters = json.loads(self._typed("yibao dlq list --output json").printed)["letters"]
        return f"{letters[0]['id']}"[:12]

    def _ends_are_told_by_their_codes(self) -> None:
        self._code(0, "yibao connector status")
        self._code(1, "yibao dlq show 0000000000000000")
        self._code(2, "yibao check --config absent.yaml")

    def _code(self, code: int, command: str) -> None:
        ended = self._typed(command, code=code)
        _demand("Traceback" not in ended.printed, f"`{command}` ended with a traceback", ended)

    def _until(self, command: str, holds: Callable[[dict[str, Any]], object]) -> None:
        """Look again until it holds: the README says that it takes some seconds."""
        until = time.monotonic() + _OUTCOME_S
        while True:
            ended = self._typed(f"{command} --output json")
            if holds(json.loads(ended.printed)):
                return
            _demand(time.monotonic() < until, f"`{command}` shows no outcome within {_OUTCOME_S:.0f} s", ended)
            time.sleep(_AGAIN_S)


def _demand(holds: object, what: str, ended: Ended) -> None:
    if not holds:
        raise Astray(f"{what}; it printed:\n{ended.printed.strip()}")


if __name__ == "__main__":
    sys.exit(main())

"""How far a run of a replay plan is, in files beside the plan's: for whoever goes on after a crash, asks, or cancels."""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from streams.errors import Misconfigured, Refused
from streams.private_files import open_private, write_private
from streams.wording import count_of


@dataclass(slots=True)
class Progress:
    """How far a run is, in a file beside the plan's."""

    file: Path
    """Where it stands."""
    plan: str = ""
    """Id of the plan; `""`: of whichever has this file's name."""
    sent: set[str] = field(default_factory=set)
    """Letters whose orders were written, or whose rows were read."""
    under_way: set[str] = field(default_factory=set)
    """Letters of the portion that was begun last, and is not known to be done: some of its orders may be written."""

    @classmethod
    def of(cls, file: Path, *, plan: str = "") -> "Progress":
        """That of a plan's file; of a new or damaged one nothing was sent. An order that comes twice does no harm. plan: its id;
        what another one left under the same name is passed over. Raises Misconfigured where it cannot be read.
        """
        beside = file.with_name(f"{file.name}.progress")
        try:
            found = orjson.loads(beside.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return cls(beside, plan)
        except OSError as error:
            raise Misconfigured(f"{beside} cannot be read ({error.strerror}): how far a run is stands there") from error
        said = found if isinstance(found, dict) else {"sent": found}
        if plan and said.get("plan", plan) != plan:
            return cls(beside, plan)
        return cls(beside, plan, _letters(said.get("sent")), _letters(said.get("under_way")))

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled the plan."""
        try:
            said = self._cancelled.read_text("utf-8")
        except FileNotFoundError:
            return False
        return said in ("", self.plan) or not self.plan

    def cancel(self) -> None:
        """Let no further portion begin. What is under way is known to whoever reads the progress after this."""
        _write(self._cancelled, self.plan)

    @property
    def _cancelled(self) -> Path:
        return self.file.with_suffix(".cancelled")

    @contextmanager
    def portion(self, letters: Iterable[str]) -> Iterator[None]:
        """A portion begins, which is noted first, and is done at the end of this; where that is never reached, it is said to be
        under way, for nobody knows how much of it was written. Raises Refused where the plan was cancelled.
        """
        self.under_way = {*letters} - self.sent
        self.save()
        if self.cancelled:  # asked behind the note: whoever cancels later sees it
            self.under_way = set()
            self.save()
            raise Refused(f"the plan was cancelled; {count_of(len(self.sent), 'order was', 'orders were')} written before")
        yield
        self.sent |= self.under_way
        self.under_way = set()
        self.save()

    def save(self) -> None:
        """Write it, so that it is there whole. Raises Misconfigured where there is no room."""
        said = {"plan": self.plan, "sent": sorted(self.sent), "under_way": sorted(self.under_way)}
        _write(self.file, orjson.dumps(said).decode())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this is open no other process of this machine runs the plan. Raises Refused where one does: the two would go at
        twice the rate, and each write over how far the other is.
        """
        try:
            opened = open_private(self.file.with_suffix(".lock"), "ab")
        except OSError as error:
            raise _unwritten(self.file.with_suffix(".lock"), error) from error
        with opened as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Refused(
                    "this plan runs already, in another process: see `yibao replay status`, or wait for its end"
                ) from None
            yield


def _write(file: Path, text: str) -> None:
    try:
        write_private(file, text)
    except OSError as error:
        raise _unwritten(file, error) from error


def _unwritten(file: Path, error: OSError) -> Misconfigured:
    return Misconfigured(
        f"{file} cannot be written ({error.strerror}), and a run says there how far it is: make room beside the plan's file, or "
        "copy that to another folder; what was handed on goes its way, and the same command goes on"
    )


def _letters(found: object) -> set[str]:
    return {one for one in found if isinstance(one, str)} if isinstance(found, list) else set()

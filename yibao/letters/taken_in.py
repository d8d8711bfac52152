"""A list that the insurance office sent back, held against the site's letters: what it closes, what it plans, what it leaves."""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from streams.deadletter.closing import needs_evidence
from streams.deadletter.index.pages import Letter, named
from streams.deadletter.sheet.decisions import Decision
from streams.deadletter.sheet.read_csv import read_csv
from streams.deadletter.sheet.taken_in import Decided, Fault, TakenIn, fault_at
from streams.errors import Misconfigured
from streams.mapping import Site
from streams.private_files import write_private
from streams.replay.plan import Depth, digest_of
from streams.topics.audit import AuditEntry, Link
from streams.topics.audit_log import read_audit
from streams.wiring import client_options
from yibao.audited import audited
from yibao.letters.asked import ask
from yibao.letters.closed import Closings, close_each
from yibao.replaying.planning import planned

ACTION: Final = "dlq import"
DEPTHS: Final[Mapping[Decision, Depth]] = {
    Decision.REMAKE: Depth.RENORMALISE,
    Decision.RESEND: Depth.RESEND,
    Decision.REREAD: Depth.RECAPTURE,
}
"""How deep a replay of a decision reaches."""

_WORKBOOK: Final = b"PK\x03\x04"
_OLD_WORKBOOK: Final = b"\xd0\xcf\x11\xe0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A list, read."""

    digest: str
    """SHA-256 of the file."""
    decided: Mapping[str, Decided] = field(repr=False)
    """By letter, without those that nothing was decided about."""
    faults: Sequence[Fault]
    """What is not understood."""
    rows: int
    """Rows with a letter."""
    pending: int
    """Letters that nothing was decided about."""


class ToClose(NamedTuple):
    """A letter that the list closes."""

    letter: Letter
    """The letter."""
    number: str
    """What the platform confirmed; `""`: it is closed by hand."""
    why: str
    """The reason."""

    def __repr__(self) -> str:
        """Without the reason."""
        return f"ToClose(letter={self.letter})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a list comes to, before anything is done."""

    close: Sequence[ToClose] = field(repr=False)
    """What it closes."""
    replay: Mapping[Depth, Sequence[Letter]] = field(repr=False)
    """What it plans, by depth."""
    mended: int
    """Letters whose rows were mended: they close by themselves."""
    closed_before: Sequence[Decided]
    """Letters that are closed already."""
    failed_since: Sequence[Decided]
    """Letters that failed again after this very file was taken in before: it decides nothing about that."""
    faults: Sequence[Fault]
    """What is not understood, of the file and of the letters."""

    @property
    def does_something(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.close or any(self.replay.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan that was written, or was there."""

    file: Path
    """Its file."""
    depth: Depth
    """How deep it reaches."""
    outcomes: Counter[str] | None
    """Of the dry run; None: this file was planned before, and the plan is there."""


def read_sheet(file: Path, site: Site) -> Sheet:
    """Read a list. Raises Misconfigured where it is none."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{file} cannot be read ({error.strerror})") from error
    taken = TakenIn(site.site)
    if content.startswith(_OLD_WORKBOOK):
        raise Misconfigured(
            f"{file} is a workbook of the old form, or has a password: save it as .xlsx without one, or as CSV UTF-8"
        )
    if content.startswith(_WORKBOOK):
        from streams.deadletter.sheet.read_xlsx import read_xlsx  # noqa: PLC0415 - costs every verb of `dlq` 0.4 s

        read_xlsx(content, taken.take)
    else:
        read_csv(content, taken.take)
    taken.end()
    digest = hashlib.sha256(content).hexdigest()
    return Sheet(digest=digest, decided=taken.decided, faults=taken.faults, rows=taken.rows, pending=taken.pending)


def work_of(site: Site, sheet: Sheet, *, reason: str, deadline_s: float) -> tuple[Work, bool]:
    """What a list comes to, and whether all letters were read. reason: for those that are closed and say none themselves."""
    ids = list(sheet.decided)

    def question(index: sqlite3.Connection) -> dict[str, Letter]:
        return {letter.id: letter for letter in named(index, ids)}

    letters, freshness = ask(site, question, deadline_s=deadline_s)
    return held_against(letters, sheet, reason=reason, before=_taken_before(site, sheet)), freshness.complete


def held_against(letters: Mapping[str, Letter], sheet: Sheet, *, reason: str, before: int) -> Work:
    """The same with these letters. before: when this very file was taken in first (ms); 0: never."""
    close: list[ToClose] = []
    replay: dict[Depth, list[Letter]] = {depth: [] for depth in DEPTHS.values()}
    mended, closed, since, faults = 0, [], [], list(sheet.faults)
    for one in sheet.decided.values():
        letter = letters.get(one.letter)
        if letter is None:
            faults.append(fault_at(one.row, "id", "本站点没有这个编号的死信", "请核对编号，或用导出这份清单的站点导入"))
        elif letter.closed:
            closed.append(one)
        elif before and letter.last > before:
            since.append(one)
        elif one.decision in DEPTHS:
            replay[DEPTHS[one.decision]].append(letter)
        elif one.decision is Decision.MENDED:
            mended += 1
        elif problem := _not_closed(one, letter, reason):
            faults.append(problem)
        else:
            close.append(ToClose(letter, one.confirmation, one.note or reason))
    return Work(close=close, replay=replay, mended=mended, closed_before=closed, failed_since=since, faults=faults)


def carry_out(site: Site, sheet: Sheet, work: Work, *, reason: str, folder: Path) -> tuple[Closings, list[Planned]]:
    """Note it, write the plans, which send nothing, and close; what was closed, and the plans. folder: where plans go.

    Raises as `close`: what was written counts, and the same file does the rest.
    """
    planned = {depth.value: len(letters) for depth, letters in work.replay.items()}
    facts = {"file": sheet.digest, "closes": len(work.close), "plans": planned, "not understood": len(work.faults)}
    audited(site, ACTION, why=reason, facts=facts)
    plans = [
        _plan(site, sheet, letters, depth=depth, reason=reason, folder=folder) for depth, letters in work.replay.items() if letters
    ]
    return close_each(site, work.close), plans


def _not_closed(one: Decided, letter: Letter, reason: str) -> Fault | None:
    if not one.confirmation and needs_evidence(letter.dead_class, letter.rule):
        return fault_at(one.row, "confirmation", "平台上还有这条记录，关闭要有平台确认号", "请在平台撤销后填写确认号")
    if not (one.note or reason):
        return fault_at(one.row, "note", "关闭没有写原因", "请在备注写明原因，或导入时加 --reason")
    return None


def _taken_before(site: Site, sheet: Sheet) -> int:
    read = (one.entry for one in read_audit(client_options(site), site.topics.audit) if one.link is Link.CHAINED)
    return first_taken((one for one in read if one is not None), sheet.digest)


def first_taken(entries: Iterable[AuditEntry], digest: str) -> int:
    """When a file was taken in for the first time (ms); 0: never. What failed after that, it decides nothing about, however often
    it was taken in since. entries: of the audit log, in its order.
    """
    mine = (entry.at for entry in entries if entry.action == ACTION and entry.facts.get("file") == digest)
    first = next(mine, None)
    return int(datetime.fromisoformat(first).timestamp() * 1000) if first else 0


def _plan(site: Site, sheet: Sheet, letters: Sequence[Letter], *, depth: Depth, reason: str, folder: Path) -> Planned:
    """A plan as `yibao replay plan` writes it, for these letters. Its id is of the file: the same file gives the same plan."""
    why = reason or f"list {sheet.digest[:12]}"
    identity = hashlib.sha256(f"{site.site} {depth.value} {sheet.digest}".encode()).hexdigest()[:8]
    file = folder / f"replay-{identity}.plan"
    if file.exists():
        return Planned(file=file, depth=depth, outcomes=None)
    made = planned(site, letters, identity=identity, depth=depth, why=why)
    content = made.plan.dump()
    facts: dict[str, Any] = {"plan": identity, "digest": digest_of(content), "depth": depth.value, "filter": made.plan.filter}
    facts |= {"list": sheet.digest, "release": False, "outcomes": dict(made.plan.outcomes)}
    audited(site, "replay plan", why=why, facts=facts)
    write_private(file, content.decode())
    return Planned(file=file, depth=depth, outcomes=made.plan.outcomes)

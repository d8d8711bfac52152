"""Cases beside a site's mappings: found, read, played, and what came of each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from streams.errors import Misconfigured
from streams.fold_wiring import joiner_of, placer_of
from streams.lane_wiring import lookup_tables
from streams.mapping import BadFiles, Problem, Site
from streams.mapping.reading import parse, read
from streams.rehearsal.case import Case
from streams.rehearsal.stages import PARTITIONS, Outcome, Rehearsal, values_of
from streams.spec.fields import ServiceCode
from streams.spec.interface import PERSONAL
from streams.spec.masking import mask
from streams.spec.profiles import REPORTING

_OF_PERSONS = frozenset({"PSN_NO", "PSN_INSU_RLTS_ID", "MEMO", "BRDY", "IPT_OTP_NO", "MEDRCDNO"})
FOLDER = "cases"
"""Beside a mapping file."""


class Played(NamedTuple):
    """A case that was played."""

    file: Path
    """Where it stands."""
    case: Case
    """What it says."""
    outcome: Outcome
    """What came of it."""


def case_files(site: Site, named: Sequence[Path]) -> list[Path]:
    """The files that are named, of folders those in them; without names those in `cases` beside each mapping file. Raises
    Misconfigured where there is none.
    """
    folders = [source.mapping.parent / FOLDER for source in site.sources.values()]
    asked = [*named] if named else [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
    found = [file for one in asked for file in (sorted(_in_folder(one)) if one.is_dir() else [one])]
    if not found:
        looked = " and ".join(f"{one}" for one in (named or dict.fromkeys(folders)))
        raise Misconfigured(f"there is no case in {looked}: a case is a file `*.yaml` there; `yibao mapping test --help` shows one")
    return found


def _in_folder(folder: Path) -> Iterator[Path]:
    """Also in folders inside of it; not what an editor keeps aside."""
    for file in folder.rglob("*"):
        if file.suffix.lower() in (".yaml", ".yml") and not file.name.startswith((".", "~", "#")):
            yield file


def play(site: Site, files: Iterable[Path]) -> list[Played]:
    """Each case on stages of its own. Raises BadFiles with every problem of all files."""
    cases: list[tuple[Path, Case]] = []
    problems: list[Problem] = []
    for file in files:
        document = read(file)
        if (case := parse(document, Case)) is not None:
            for index, one in enumerate(case.reported):
                for field in one.fields.keys() - _fields_of(one.service):
                    document.report(("reported", index, "fields", field), f"is no field of {one.service.value}")
            cases.append((file, case))
        problems += document.problems
    if problems:
        raise BadFiles(problems)
    placer, joiner, lookups = placer_of(site, partitions=PARTITIONS), joiner_of(site), lookup_tables(site)
    played = []
    for file, case in cases:
        try:
            played.append(Played(file, case, Rehearsal(site, placer, joiner, lookups).run(case, ZoneInfo(site.timezone))))
        except Misconfigured as impossible:
            problems.append(Problem(file=file, line=None, place="happens", what=f"{impossible}"))
    if problems:
        raise BadFiles(problems)
    return played


def _fields_of(service: ServiceCode) -> set[str]:
    return {field.name for field in REPORTING.services[service].fields}


def _may_be_shown(name: str, value: str) -> bool:
    """Whether it is none of a person, and no free text."""
    return name not in PERSONAL and name not in _OF_PERSONS and mask(name, value) == value


def as_written(outcome: Outcome) -> Mapping[str, Any]:
    """What came, in the words of a case. Fields with a person's name, numbers, address or birth, and free text, are left out."""
    return {
        "reported": [
            {
                "service": emission.record.service.value,
                "key": emission.record.key,
                "institution": emission.record.institution,
                "fields": {name: value for name, value in values_of(emission).items() if _may_be_shown(name, value)},
            }
            for emission in outcome.ready
        ],
        "letters": [
            {"class": one.dead_class.value, "rule": one.rule, "table": one.row.table, "key": [*one.row.key]}
            for one in outcome.letters.values()
        ],
        "waits": [{"table": one.table, "key": [*one.key], "for": one.part} for one in outcome.waiting],
    }

"""The parts that `yibao doctor` looks at, side by side. One that does not answer is a finding; the rest is looked at."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from connector.errors import CaptureError
from connector.findings import Finding
from streams.errors import YibaoError
from streams.mapping import Site, capture_sources
from yibao.doctor.checks import Told, blocks
from yibao.doctor.look_brokers import look_at_brokers, look_at_stages
from yibao.doctor.look_captures import look_at_connect, look_at_database
from yibao.doctor.look_here import look_at_binding, look_at_machine, look_at_platform

_ABREAST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing that a site depends on."""

    name: str
    """As a person calls it."""
    reach: str
    """The check that tells that it does not answer."""
    look: Callable[[], Iterator[Told]]
    """Asks it. Raises CaptureError, YibaoError where it does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a part told."""

    part: str
    """Its name."""
    took_s: float
    """How long it was asked, in seconds."""
    told: tuple[Told, ...]
    """What was found."""


def parts_of(site: Site) -> Sequence[Part]:
    """Everything that the site depends on."""
    return [
        Part(name="this machine", reach="doctor.looked", look=partial(look_at_machine, site)),
        *(
            Part(name=f"database of {source.name}", reach="database.reach", look=partial(look_at_database, site, source))
            for source in capture_sources(site)
        ),
        Part(name="Kafka", reach="kafka.reach", look=partial(look_at_brokers, site)),
        Part(name="Kafka Connect", reach="connect.reach", look=partial(look_at_connect, site)),
        Part(name="platform", reach="platform.reach", look=partial(look_at_platform, site)),
        Part(name="binding", reach="kafka.reach", look=partial(look_at_binding, site)),
        Part(name="stages", reach="kafka.reach", look=partial(look_at_stages, site)),
    ]


def look(parts: Sequence[Part]) -> list[Looked]:
    """Ask all parts at once. What several meet, such as brokers that are away, is told once."""
    with ThreadPoolExecutor(_ABREAST) as pool:
        looked, seen = list(pool.map(_look, parts)), set[tuple[str, str]]()
    return [replace(one, told=tuple(told for told in one.told if _is_new(told, seen))) for one in looked]


def _is_new(told: Told, seen: set[tuple[str, str]]) -> bool:
    known, finding = len(seen), told.finding
    seen.add((told.check, finding.what if finding.where.endswith(":") else f"{finding.where} {finding.what}"))
    return len(seen) > known or not told.check.endswith(".reach")


def _look(part: Part) -> Looked:
    began, told = time.monotonic(), list[Told]()
    try:
        told.extend(part.look())
    except (CaptureError, YibaoError) as error:
        told.append(_unanswered(part, error))
    except Exception as error:  # noqa: BLE001 - one part's fault must not hide what the others tell
        what = f"could not be looked at, by a fault of this program ({type(error).__name__})"
        told.append(blocks("doctor.looked", part.name, what, "report it, with yibao --version"))
    return Looked(part=part.name, took_s=time.monotonic() - began, told=tuple(told))


def _unanswered(part: Part, error: Exception) -> Told:
    """Errors of this product end with what mends them, and mostly begin with who did not answer: that is said once."""
    said, _, mend = f"{error}".rpartition("; ")
    what = said or mend
    begins = what.startswith(f"{part.name} ")
    where, what = (part.name, what.removeprefix(f"{part.name} ")) if begins else (f"{part.name}:", what)
    return Told(check=part.reach, finding=Finding(where=where, what=what, mend=mend if said else "mend it, then look again"))

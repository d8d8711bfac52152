"""A letter as a line of a list: its reason in Chinese, the clause, the place in the hospital's system, whom it is about. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

from streams.deadletter.document import NULL, MaskedDocument, MaskedViolation
from streams.deadletter.index.pages import Letter
from streams.deadletter.sheet.columns import Line
from streams.deadletter.sheet.words import age_words, mending_words, owner_words, place_words
from streams.domain.normalise.compiled import CompiledMapping
from streams.domain.normalise.sources import in_table, values_of
from streams.domain.roles import ROLE_OF
from streams.domain.violations import DeadClass, Level
from streams.spec.fields import Field, ServiceCode
from streams.spec.masking import mask, mask_text
from streams.spec.profiles import REPORTING

_PERSON: Final = ("PSN_NAME", "CERTNO")
_OF_PERSONS: Final = (ServiceCode.VISIT, ServiceCode.SETTLEMENT)
_FIELDS: Final = {code.value: {one.name: one for one in service.fields} for code, service in REPORTING.services.items()}
_REFUSALS: Final = "§3.2.4"
"""Where the interface lists the codes of its answers."""
_DAY_AND_TIME: Final = len("2024-05-01 08:00:00")
_PERSONS: Final = 4_096
_NO_RECORD: Final = MaskedDocument(rows={}, record={}, violations=(), unread=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a letter holds."""

    masked: MaskedDocument = field(default=_NO_RECORD, repr=False)
    """As anybody may see it."""
    clear: MaskedDocument = field(default=_NO_RECORD, repr=False)
    """With nothing masked: the person is found in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Makes lines of the letters of a site."""

    site: str
    """Name of the site."""
    zone: tzinfo
    """Of its clock."""
    now_ms: int
    """When the list is made."""
    mappings: Mapping[str, CompiledMapping] = field(repr=False)
    """By source."""
    unmask: bool = False
    """Show what is personal, too."""
    due_days: int | None = None
    """Days from the first failure to the deadline; None: it is left to whoever hands the list out."""
    _places: dict[tuple[str, str, str, str], tuple[tuple[str, str], ...]] = field(default_factory=dict, repr=False)
    """By field, source and service: the parts and columns that it is read from."""

    def line(self, letter: Letter, content: Content, where: Sequence[str]) -> Line:
        """where: its places in the hospital's system, as `yibao dlq show` tells them."""
        said = [one for one in content.masked.violations if one.level == Level.REFUSE]
        known = _FIELDS.get(letter.service, {})
        names = _each(one.field for one in said) or [letter.field]
        return Line(
            id=letter.id,
            owner=owner_words(letter.owner),
            reason=_joined(_each(one.message for one in said) or [letter.message]),
            mending=mending_words(letter.dead_class, letter.rule),
            service=_service(letter.service),
            field="、".join(_field(name, known) for name in names if name),
            value=self._value(letter, content, said, names),
            place="；".join(place_words(one) for one in where),
            patient=self._patient(letter, content.clear),
            institution=letter.institution,
            record=letter.record_key,
            clause=_joined(_each(one.clause for one in said) or [_clause(letter, known)]),
            first=self._local(letter.first) if letter.first else "",
            age=age_words(self.now_ms - letter.first) if letter.first else "",
            decision="",
            note="",
            confirmation="",
            assignee="",
            deadline=self._deadline(letter.first),
            site=self.site,
        )

    def _value(self, letter: Letter, content: Content, said: Sequence[MaskedViolation], names: Sequence[str]) -> str:
        """What is wrong, masked by its field and by what it looks like; of several fields each with its name."""
        shown = {one.field: one.masked for one in said}
        if self.unmask:
            shown |= {name: value for name in names if (value := self._read(name, letter, content.clear))}
        elif content.masked.record:
            shown |= {name: content.masked.record.get(name, "") for name in names}
        shown = {name: value for name, value in shown.items() if value}
        if len(shown) > 1:
            return "；".join(f"{name}={value}" for name, value in shown.items())
        return next(iter(shown.values()), letter.cause if letter.field else "")

    def _patient(self, letter: Letter, clear: MaskedDocument) -> str:
        told = ((name, self._read(name, letter, clear)) for name in _PERSON)
        return " ".join([value if self.unmask else _masked(name, value) for name, value in told if value])

    def _read(self, name: str, letter: Letter, clear: MaskedDocument) -> str:
        """A field's value in a record, or in the rows that the mapping reads it from; `""` where it is not there."""
        if clear.record:
            return clear.record.get(name, "")
        found = (clear.rows.get(role, {}).get(column, "") for role, column in self._columns(name, letter))
        return next((value for value in found if value and value != NULL), "")

    def _columns(self, name: str, letter: Letter) -> tuple[tuple[str, str], ...]:
        """Where the mapping reads a field from: part and column."""
        of = (name, letter.source, letter.service, letter.row_table)
        if of not in self._places:
            self._places[of] = tuple(self._mapped(name, letter))
        return self._places[of]

    def _mapped(self, name: str, letter: Letter) -> Iterator[tuple[str, str]]:
        mapping = self.mappings.get(letter.source)
        services = [one for one in ServiceCode if one.value == letter.service]
        for service in (*services, *(_OF_PERSONS if name in _PERSON else ())):
            record = mapping.records.get(service) if mapping is not None else None
            for step in record.steps if record is not None else ():
                if step.name == name:
                    yield from values_of(in_table(step.source, ROLE_OF[service], letter.row_table))

    def _local(self, at_ms: int) -> str:
        return self._moment(at_ms).isoformat(" ", "seconds")[:_DAY_AND_TIME]

    def _deadline(self, first_ms: int) -> str:
        if self.due_days is None or not first_ms:
            return ""
        return (self._moment(first_ms) + timedelta(days=self.due_days)).strftime("%Y-%m-%d")

    def _moment(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms // 1000, self.zone)


@lru_cache(_PERSONS)
def _masked(name: str, value: str) -> str:
    """A visit has many lines, and each may have a letter."""
    return mask_text(mask(name, value))


def _service(code: str) -> str:
    return f"{REPORTING.services[ServiceCode(code)].label} {code}" if code in _FIELDS else code


def _field(name: str, known: Mapping[str, Field]) -> str:
    return f"{known[name].label} {name}" if name in known else name


def _clause(letter: Letter, known: Mapping[str, Field]) -> str:
    """Of the field that is wrong; of a refusal the codes; else of the service."""
    if letter.field in known:
        return known[letter.field].clause
    if letter.dead_class == DeadClass.REJECTED:
        return _REFUSALS
    return REPORTING.services[ServiceCode(letter.service)].clause if letter.service in _FIELDS else ""


def _each(texts: Iterable[str]) -> list[str]:
    return [one for one in dict.fromkeys(texts) if one]


def _joined(texts: Iterable[str]) -> str:
    return "；".join(texts)

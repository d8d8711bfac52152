"""From a source as a mapping writes it to the one that the domain reads, and how its value is converted."""

from collections.abc import Mapping
from datetime import tzinfo
from types import MappingProxyType
from typing import NamedTuple

from connector.contract import TableRole
from streams.domain.keys import of_header
from streams.domain.normalise import formulas
from streams.domain.normalise.conversions import Conversion, Translation, translated
from streams.domain.normalise.moments import instant_day, wall_day
from streams.domain.normalise.sources import (
    Column,
    Computed,
    Constant,
    FirstOf,
    InstitutionValue,
    LookupColumn,
    Switch,
)
from streams.domain.normalise.sources import Source as DomainSource
from streams.mapping.mapping_file import Translation as WrittenTranslation
from streams.mapping.sources import Source
from streams.mapping.sources import Switch as WrittenSwitch
from streams.spec.fields import Field, FieldKind


class Whence(NamedTuple):
    """For what a source is read."""

    own: TableRole
    """Role of the row that columns belong to when nothing else is said."""
    field: Field
    """The interface's field."""
    zone: tzinfo
    """The site's, in which instants are shown."""
    dictionaries: Mapping[str, WrittenTranslation]
    """Those of the mapping, by name."""


def domain_source(written: Source, whence: Whence) -> DomainSource:
    """Where a value comes from."""
    found = _plain(written, whence)
    if written.nulls:
        found = Computed(formula=formulas.Unless(frozenset(one.strip() for one in written.nulls)), sources=(found,))
    return Computed(formula=formulas.Negated(), sources=(found,)) if written.negate else found


def _plain(written: Source, whence: Whence) -> DomainSource:  # noqa: PLR0911 - one of each
    """Without what is done to any value."""
    if written.first_of:
        return FirstOf(sources=tuple(_in_its_words(one, whence) for one in written.first_of))
    if written.institution is not None:
        return InstitutionValue(name=written.institution.removeprefix("value."))
    if written.switch is not None:
        return _switch(written.switch, whence)
    formula = _formula(written, whence)
    if formula is not None:
        return Computed(formula=formula, sources=tuple(_inner(one, whence) for _, one in written.nested()))
    if written.column is None:
        return Constant(value=written.constant)
    if written.lookup is not None:
        by = tuple(domain_source(one, whence) for one in written.by)
        return LookupColumn(lookup=written.lookup, by=by, column=written.column, absent=written.absent or "wait")
    if written.of == "header":
        return Column(role=whence.own, name=of_header(written.column))
    return Column(role=whence.own if written.of is None else TableRole(written.of), name=written.column)


def _formula(written: Source, whence: Whence) -> formulas.Formula | None:  # noqa: PLR0911 - one of each
    """What is made of the sources that are nested in this one; None where it is no formula."""
    if written.product:
        return formulas.Product()
    if written.sum:
        return formulas.Sum()
    if written.join:
        return formulas.Join()
    if written.age is not None:
        return formulas.Age(_day(written.age.birth, whence), _day(written.age.at, whence))
    if written.days is not None:
        return formulas.Days(_day(written.days.start, whence), _day(written.days.end, whence), written.days.least)
    if written.part is not None:
        return formulas.Part(written.part.first, written.part.length)
    if written.present is not None:
        return formulas.Present(written.yes or "", written.no or "")
    return None if written.date is None else formulas.Clocked(_day(written.date, whence))


def _inner(written: Source, whence: Whence) -> DomainSource:
    """A part of a formula: what it is where it is empty is said there."""
    found = domain_source(written, whence)
    return found if written.default is None else FirstOf(sources=(found, Constant(value=written.default)))


def _in_its_words(written: Source, whence: Whence) -> DomainSource:
    """One of several sources of a value, translated where it has a dictionary of its own."""
    found, translation = domain_source(written, whence), _translation(written, whence.dictionaries)
    if translation is None:
        return found
    return Computed(formula=formulas.Translated(translated(whence.field, translation)), sources=(found,))


def _switch(written: WrittenSwitch, whence: Whence) -> Switch:
    cases = {code: _in_its_words(one, whence) for code, one in written.cases.items()}
    otherwise = None if written.otherwise is None else _in_its_words(written.otherwise, whence)
    return Switch(on=domain_source(written.on, whence), cases=MappingProxyType(cases), otherwise=otherwise)


def _day(written: Source, whence: Whence) -> formulas.Day:
    """How the day of a time is told."""
    return instant_day(whence.field, whence.zone) if written.time == "instant" else wall_day(whence.field)


def conversion_of(written: Source, one: Field, dictionaries: Mapping[str, WrittenTranslation]) -> Conversion:
    """How a value is converted; what is not written follows from the interface."""
    form = written.time_form
    return Conversion(
        read_as=one.kind if written.read_as is None else FieldKind(written.read_as),
        instant=written.time == "instant",
        written="" if form is None else form.format or "",
        unix=None if form is None else form.unix,
        fen=written.money == "fen",
        round=written.round,
        trim=written.trim,
        pad_zeros=written.pad_zeros,
        compact=written.compact is not None,
        truncate=written.truncate,
        translation=_translation(written, dictionaries),
        default=written.default,
    )


def _translation(written: Source, dictionaries: Mapping[str, WrittenTranslation]) -> Translation | None:
    named = None if written.dictionary is None else dictionaries.get(written.dictionary)
    if named is None or written.dictionary is None:
        return None
    return Translation(name=written.dictionary, codes=MappingProxyType(dict(named.codes)), default=named.default)

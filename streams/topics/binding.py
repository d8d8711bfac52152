"""Whose topics these are: what `topics apply` wrote into `site.binding`, and how another site's file differs from it. Pure.

To the brokers, a copy of a site's file is the site itself: the same topics, the same groups. With another platform address in it,
its workers would take over half of the lanes and report real records to the wrong platform.

`site.binding` is a log of one partition that keeps everything. Its first entry binds; a later one counts where it names the entry
that it takes the place of. So of two that are written at the same time one counts, the same one for every reader.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from streams.domain.batch.msgid import base36
from streams.errors import Fatal, Newer

FORM: Final = 1

MARK_CHARS: Final = 4
MARKS: Final = 36**MARK_CHARS
"""How many marks there are."""

SOURCES: Final = "sources."
"""How the parts begin that are its databases."""

INSTITUTIONS: Final = "institutions."
"""How the parts begin that say which institution a name of the file stands for."""

_NOTHING: Final = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteIdentity:
    """What makes a site this one. No secret, no limit, no pool is part of it."""

    site: str
    """Its name."""
    prefix: str
    """Put before its topics and groups."""
    platform: str
    """Where it reports: scheme, host, port and path."""
    sources: Mapping[str, str]
    """The address of each database, by the source's name."""
    institutions: Mapping[str, str] = field(default_factory=dict)
    """The FIXMEDINS_CODE that each name stands for by which rows may belong to an institution, the code itself among them. Empty in
    a binding of a version that bound none."""

    def parts(self) -> dict[str, str]:
        """Each part by the word that `--rebind` knows it by."""
        of_sources = {f"{SOURCES}{name}": address for name, address in self.sources.items()}
        of_institutions = {f"{INSTITUTIONS}{name}": code for name, code in self.institutions.items()}
        return {"site": self.site, "prefix": self.prefix, "platform": self.platform, **of_sources, **of_institutions}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Who wrote an entry, when and why."""

    id: str
    """Its own, by which the next entry names it."""
    at: str
    """When, in ISO form with its zone."""
    by: str
    """Who: `user@host`."""
    why: str = ""
    """As that person wrote it; `""` where nobody was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One entry of `site.binding`."""

    identity: SiteIdentity
    mark: str
    """Four characters that stand for this site and no other, drawn when it was bound first and kept for its life."""
    entry: Entry
    after: str = ""
    """The entry that this one takes the place of; `""` for the first."""

    def dump(self) -> bytes:
        """As it stands in the topic."""
        identity, entry = self.identity, self.entry
        return orjson.dumps(
            {
                "form": FORM,
                "id": entry.id,
                "after": self.after,
                "site": identity.site,
                "prefix": identity.prefix,
                "platform": identity.platform,
                "sources": {name: {"address": address} for name, address in identity.sources.items()},
                "institutions": {**identity.institutions},
                "mark": self.mark,
                "at": entry.at,
                "by": entry.by,
                "why": entry.why,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One part in which a file is not what the topics are bound to."""

    what: str
    """As `SiteIdentity.parts` names it."""
    bound: str
    """What is bound; `""` for nothing."""
    here: str
    """What the file says; `""` for nothing."""

    def __str__(self) -> str:
        """Both values."""
        return f"{self.what} is {self.here or _NOTHING} in this file and bound to {self.bound or _NOTHING}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSite:
    """Why a file must not be used with the topics that it names."""

    binding: Binding | None
    """What they are bound to; None: to nothing."""
    topic: str
    """Where that stands."""
    differences: tuple[Difference, ...] = field(default=())

    def __str__(self) -> str:
        """What differs, who bound it and when, and what to do."""
        if self.binding is None:
            return (
                f"the topics are not bound to a site: {self.topic} is missing or empty; run `yibao topics apply`, which binds new "
                "ones and says what to do with those of an earlier version (docs/upgrade.md)"
            )
        entry, told = self.binding.entry, "; ".join(map(str, self.differences))
        if all(not one.bound for one in self.differences):
            return f"{told}: run `yibao topics apply`, which binds what is new"
        bound = f"{told} (by {entry.by} at {entry.at}; {self.topic})"
        told = (
            f"this file is not the site that the topics belong to: {bound}. Where another site is meant, name its file by -c FILE "
        )
        return f"{told}or YIBAO_CONFIG. {self._remedy}"

    @property
    def _remedy(self) -> str:
        names = [one.what for one in self.differences if one.bound]
        if "prefix" in names:
            return "A prefix never changes: these topics were copied from others; give this site one that no site has had"
        flags = " ".join(f"--rebind {name}" for name in names)
        if all(name.startswith(SOURCES) for name in names) and (why := renamed(self.differences)):
            return why
        if all(name.startswith(INSTITUTIONS) for name in names):
            return recoded(self.differences)
        return (
            "A copy needs a kafka.topic_prefix, slots and publications of its own, and another platform.url (a test platform, or "
            "`yibao platform serve`): with the site's own it reports everything once more. Where the site itself has changed, stop "
            "all workers and run "
            f"`yibao topics apply {flags} --why …` (docs/operations.md)"
        )


def renamed(found: Iterable[Difference]) -> str:
    """What a source that went together with one that came almost always is, and what to do; `""` where that is not so."""
    differing = [one for one in found if one.what.startswith(SOURCES)]
    went, came = [one.what for one in differing if not one.here], [one.what for one in differing if not one.bound]
    if not (went and came):
        return ""
    return (
        f"{', '.join(went)} went and {', '.join(came)} came. What was reported is remembered under its source's name: a database "
        "that goes on under another name is reported as a whole once more, and nothing that was reported under the old name is "
        f"corrected or withdrawn ever again. Keep the name {', '.join(one.removeprefix(SOURCES) for one in went)} in site.yaml. "
        "Where it is another database, or all of it is to be reported once more: stop all workers and run `yibao topics apply "
        f"{' '.join(f'--rebind {one}' for one in went)} --report-everything-again --why …`"
    )


def recoded(found: Iterable[Difference]) -> str:
    """What an institution under another code almost always is, and what to do; `""` where none has one."""
    names = [one.what for one in found if one.bound and one.what.startswith(INSTITUTIONS)]
    if not names:
        return ""
    return (
        "An institution whose code changes is almost always one that was mistyped: correct it in site.yaml. Its records would be "
        "reported under a code that the platform may not know, and those that it has stay there under the old one. Where the code "
        "itself has changed, stop all workers and run "
        f"`yibao topics apply {' '.join(f'--rebind {name}' for name in names)} --why …` (docs/operations.md)"
    )


def objection(binding: Binding | None, here: SiteIdentity, *, topic: str) -> OtherSite | None:
    """Why a site's file must not be used with these topics; None where they are its own."""
    if binding is None:
        return OtherSite(binding=None, topic=topic)
    found = differences(binding.identity, here)
    if not binding.identity.institutions:  # of a version that bound none: the next `topics apply` does
        found = tuple(one for one in found if not one.what.startswith(INSTITUTIONS))
    return OtherSite(binding=binding, topic=topic, differences=found) if found else None


def differences(bound: SiteIdentity, here: SiteIdentity) -> tuple[Difference, ...]:
    """Each part in which they differ, in the order of the file. A name of an institution that the file has no longer is one only
    where another came for it: what still belongs to it becomes dead letters that say so, and an older file may be in use while one
    is added.
    """
    before, now = bound.parts(), here.parts()
    came = any(what.startswith(INSTITUTIONS) for what in now if what not in before)
    return tuple(
        Difference(what=what, bound=before.get(what, ""), here=now.get(what, ""))
        for what in dict.fromkeys([*before, *now])
        if before.get(what, "") != now.get(what, "") and (what in now or came or not what.startswith(INSTITUTIONS))
    )


def in_force(values: Iterable[bytes | None]) -> Binding | None:
    """The entry that counts, of all in their order; None where there is none. Raises Newer, and Fatal for what is no entry."""
    current: Binding | None = None
    for value in values:
        binding = load(value)
        if current is None or binding.after == current.entry.id:
            current = binding
    return current


def load(value: bytes | None) -> Binding:
    """One entry. Raises Newer where a later version wrote it, Fatal for what is none."""
    try:
        written = orjson.loads(value or b"")
        if type(written) is dict and written.get("form") != FORM:
            raise Newer(f"site.binding (form {written.get('form')}; this version knows {FORM})")
        return _binding(written)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as exc:
        raise Fatal("site.binding holds what `yibao topics apply` did not write: nothing else may write into it") from exc


def mark_of(number: int) -> str:
    """The mark with this number, of `MARKS`."""
    return base36(number, width=MARK_CHARS)


def lines(identity: SiteIdentity) -> Iterator[str]:
    """Each part of a site as a person reads it."""
    yield from (f"{what}: {value}" for what, value in identity.parts().items() if value)


def _binding(written: Mapping[str, Any]) -> Binding:
    sources = cast("Mapping[str, Mapping[str, object]]", written["sources"])
    institutions = cast("Mapping[str, object]", written.get("institutions", {}))
    return Binding(
        identity=SiteIdentity(
            site=f"{written['site']}",
            prefix=f"{written['prefix']}",
            platform=f"{written['platform']}",
            sources={name: f"{source['address']}" for name, source in sources.items()},
            institutions={name: f"{code}" for name, code in institutions.items()},
        ),
        mark=f"{written['mark']}",
        entry=Entry(id=f"{written['id']}", at=f"{written['at']}", by=f"{written['by']}", why=f"{written['why']}"),
        after=f"{written['after']}",
    )

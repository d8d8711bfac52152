"""In what a download differs from the value lists that hold now, and the site's lists after it. Pure."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from streams.spec.dictionaries import Dictionary
from streams.spec.dictionary_download import Download


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """In what one list differs."""

    name: str
    """Name of the list."""
    closed: bool
    """Whether a code outside it is refused from then on; otherwise it is a warning."""
    was_closed: bool | None
    """The same of now; None where there is no such list."""
    added: Mapping[str, str] = field(default_factory=dict)
    """Codes that come, with their meaning."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """Codes that are there no more. In a closed list records with such a code are refused."""
    renamed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Codes that mean something else: what they meant, and what they mean."""

    @property
    def is_none(self) -> bool:
        """Whether nothing changes."""
        return self.closed == self.was_closed and not (self.added or self.gone or self.renamed)


def changes_of(
    download: Download, present: Mapping[str, Dictionary], *, known: Collection[str], closed: Collection[str] = ()
) -> Iterator[ListChange]:
    """What changes of the lists that the interface's fields name. known: those. closed: to be closed from then on; the others stay
    as they are, and a list that is new is open.
    """
    for name, codes in sorted(download.lists.items()):
        if name not in known:
            continue
        before = present.get(name)
        had = {} if before is None else before.codes
        yield ListChange(
            name=name,
            closed=name in closed or (before is not None and before.closed),
            was_closed=None if before is None else before.closed,
            added={code: meaning for code, meaning in codes.items() if code not in had},
            gone={code: meaning for code, meaning in had.items() if code not in codes},
            renamed={code: (had[code], meaning) for code, meaning in codes.items() if code in had and had[code] != meaning},
        )


def document_after(download: Download, changes: Collection[ListChange], own: Mapping[str, Dictionary]) -> str:
    """The site's file of value lists: its own ones, and in their place those of the download. Ends with a line break."""
    lists = {name: (one.closed, one.codes) for name, one in own.items()}
    lists |= {change.name: (change.closed, download.lists[change.name]) for change in changes}
    entries = {name: {"closed": closed, "codes": dict(codes)} for name, (closed, codes) in sorted(lists.items())}
    return json.dumps({"dictionaries": entries}, ensure_ascii=False, indent=1) + "\n"

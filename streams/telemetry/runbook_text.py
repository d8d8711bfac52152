"""The runbooks: one page for each alert, in English and Chinese, in the folder `runbooks` beside this module.

A page is named like its alert, has the sections of `SECTIONS` in their order, and is written in the little Markdown that
`runbook_pages` knows. It comes with the package, because who is on call at night often reaches nothing else.
"""

from collections.abc import Mapping
from enum import StrEnum
from importlib import resources
from typing import Final


class Language(StrEnum):
    """A language that the pages are written in."""

    EN = "en"
    ZH = "zh"


SECTIONS: Final[Mapping[Language, tuple[str, ...]]] = {
    Language.EN: ("Meaning", "Impact", "Look", "Mend", "Whom to call"),
    Language.ZH: ("含义", "影响", "查看", "处置", "联系谁"),
}
_FOLDER: Final = resources.files("streams.telemetry").joinpath("runbooks")


def names() -> tuple[str, ...]:
    """The alerts that have a page, in the order of the alphabet."""
    pages = (one.name for one in _FOLDER.joinpath(Language.EN).iterdir())
    return tuple(sorted(name.removesuffix(".md") for name in pages if name.endswith(".md")))


def text(name: str, language: Language) -> str:
    """The page of an alert, as it was written. Raises KeyError where there is none."""
    if name not in names():
        raise KeyError(name)
    return _FOLDER.joinpath(language, f"{name}.md").read_text("utf-8")


def first_sentence(name: str, language: Language) -> str:
    """What the alert means, in a sentence."""
    meaning = text(name, language).split("\n## ")[1].partition("\n")[2].strip()
    end = "。" if language is Language.ZH else ". "
    return meaning.partition("\n")[0].partition(end)[0].rstrip(".") + end.strip()

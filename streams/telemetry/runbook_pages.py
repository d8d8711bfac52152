"""The runbooks as a worker serves them: HTML for a browser, the text itself for everybody else.

No script, no image, nothing from elsewhere: a page must be readable where nothing else can be reached; its policy forbids the rest.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qs, unquote

from streams.telemetry.runbook_text import Language, first_sentence, names, text
from streams.wording import nearest

ROOT: Final = "/runbooks"
_STYLE: Final = (
    "body{max-width:46rem;margin:2rem auto;padding:0 1rem;font:16px/1.6 sans-serif}"
    "pre{background:#f3f3f3;padding:.6rem;overflow-x:auto}code{background:#f3f3f3}h2{margin-top:1.6rem}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept, Accept-Language",
}
"""What every answer of these addresses carries."""
_WORDS: Final = {
    Language.EN: ("Runbooks", "All runbooks", "There is no runbook {}; these are there:"),
    Language.ZH: ("告警处置手册", "全部手册", "没有名为 {} 的手册，现有："),
}
_OTHER: Final = {Language.EN: (Language.ZH, "中文"), Language.ZH: (Language.EN, "English")}
_ALERT: Final = re.compile(r"\bYibao[A-Za-z]+\b")


class Page(NamedTuple):
    """What is answered."""

    body: bytes
    media_type: str
    found: bool

    def __repr__(self) -> str:
        """Without the page."""
        return f"Page({len(self.body)} bytes, media_type={self.media_type!r}, found={self.found})"


def served(path: str, *, query: str, accept: str, languages: str) -> Page:
    """The page at `/runbooks` or `/runbooks/NAME`. languages: as `Accept-Language` has them; `?lang=` goes before it."""
    language, name = language_of(query, languages), unquote(path.removeprefix(ROOT).strip("/")).removesuffix(".md")
    is_page = name in names()
    written = text(name, language) if is_page else _index(name, language)
    if "text/html" not in accept:
        return Page(written.encode(), "text/plain; charset=utf-8", is_page or not name)
    return Page(_html(written, language, at=name if is_page else "").encode(), "text/html; charset=utf-8", is_page or not name)


def language_of(query: str, languages: str) -> Language:
    """`?lang=zh`, else the language that the asker likes best of those that there are, else English."""
    wanted = parse_qs(query).get("lang", [])[:1] or [tag for _, tag in sorted(_liked(languages))]
    known = (tag.partition("-")[0].lower() for tag in wanted)
    return next((Language(tag) for tag in known if tag in {*Language}), Language.EN)


def _liked(languages: str) -> Iterator[tuple[float, str]]:
    """The languages of a header, with what sorts the best one first."""
    for part in languages.split(",")[:20]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if weight > 0:
            yield -weight, tag


def _index(asked: str, language: Language) -> str:
    title, _, none = _WORDS[language]
    told = [none.format(f"{asked[:80]}{nearest(asked, names())}"), ""] if asked else []
    return "\n".join([f"# {title}", "", *told, *(f"- {name}: {first_sentence(name, language)}" for name in names())]) + "\n"


def _html(written: str, language: Language, *, at: str) -> str:
    other, word = _OTHER[language]
    links = f'<a href="{ROOT}?lang={language}">{_WORDS[language][1]}</a> · <a href="{ROOT}/{at}?lang={other}">{word}</a>'
    title = html.escape(written.partition("\n")[0].removeprefix("# "))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
    body = "\n".join(_blocks(written, language, own=at))
    return f'<!doctype html>\n<html lang="{language}"><head>{head}</head><body><p>{links}</p>\n{body}\n</body></html>\n'


def _blocks(written: str, language: Language, *, own: str) -> Iterator[str]:
    """Headings, paragraphs, lists and fenced blocks."""
    for number, part in enumerate(re.split(r"^```[a-z]*\n(.*?)^```$", written, flags=re.MULTILINE | re.DOTALL)):
        if number % 2:
            yield f"<pre>{html.escape(part)}</pre>"
            continue
        for block in re.split(r"\n(?:\n|(?=#))", part.strip("\n")):
            if block.strip():
                yield _block(block.strip("\n"), language, own)


def _block(block: str, language: Language, own: str) -> str:
    heading, _, below = block.partition("\n")
    if found := re.fullmatch(r"(#{1,2}) (.+)", heading):
        level = len(found[1])
        return f"<h{level}>{html.escape(found[2])}</h{level}>" + (_block(below, language, own) if below.strip() else "")
    for mark, tag in ((r"\d+\. ", "ol"), (r"- ", "ul")):
        lines = [_inline(re.sub(f"^{mark}", "", line), language, own) for line in block.splitlines()]
        if all(re.match(mark, line) for line in block.splitlines()):
            return f"<{tag}>" + "".join(f"<li>{line}</li>" for line in lines) + f"</{tag}>"
    return f"<p>{'<br>'.join(_inline(line, language, own) for line in block.splitlines())}</p>"


def _inline(line: str, language: Language, own: str) -> str:
    """Code, and the names of other pages as links."""
    parts = re.split(r"`([^`]+)`", line)
    pages = set(names()) - {own}

    def linked(found: re.Match[str]) -> str:
        return f'<a href="{ROOT}/{found[0]}?lang={language}">{found[0]}</a>' if found[0] in pages else found[0]

    return "".join(
        f"<code>{html.escape(part)}</code>" if number % 2 else _ALERT.sub(linked, html.escape(part))
        for number, part in enumerate(parts)
    )

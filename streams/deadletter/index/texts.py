"""Texts in reasons, by the trigrams that `searched` has of them: what it is asked, so that few reasons are read.

Pure, but for whom it asks which trigrams there are.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

END: Final = "\n\n"
"""Behind each text that is searched: so its last character begins a trigram, too, and is found by it."""

_LENGTH: Final = 3
_MOST_ASKED: Final = 8
"""Trigrams of one text that are asked for: those with all of them are few."""
_MOST_BEGINS: Final = 64
"""Trigrams with which a shorter text may go on. One with more stands in so many reasons that they are looked through."""
_NONE: Final = '"\n\n\x01"'
"""A trigram that no reason has."""

Begins = Callable[[str], Sequence[str]]
"""The trigrams that begin with a text, as far as so many as matter."""


def begins_in(index: sqlite3.Connection) -> Begins:
    """Of the reasons of an index."""

    def begins(text: str) -> Sequence[str]:
        query = "SELECT term FROM trigrams WHERE term BETWEEN ? AND ? LIMIT ?"
        return [one for (one,) in index.execute(query, (text, f"{text}\U0010ffff", _MOST_BEGINS + 1))]

    return begins


def asked(texts: Sequence[Sequence[str]], begins: Begins) -> str:
    """What to ask for reasons that have one text of each of these; `""` where all reasons must be looked through."""
    return " AND ".join(one for some in texts if (one := _any(some, begins)))


def _any(texts: Sequence[str], begins: Begins) -> str:
    found = [_one(text.lower(), begins) for text in texts]
    return f"({' OR '.join(found)})" if all(found) else ""


def _one(text: str, begins: Begins) -> str:
    if len(text) >= _LENGTH:
        trigrams = dict.fromkeys(text[at : at + _LENGTH] for at in range(len(text) - _LENGTH + 1))
        return f"({' AND '.join([_quoted(one) for one in [*trigrams][:_MOST_ASKED]])})"
    found = begins(text)
    if len(found) > _MOST_BEGINS:
        return ""
    return f"({' OR '.join([_quoted(one) for one in found])})" if found else _NONE


def _quoted(trigram: str) -> str:
    doubled = trigram.replace('"', '""')
    return f'"{doubled}"'

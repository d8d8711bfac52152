"""What came in place of an answer with a code: its shape in a word, for whoever has to find out who answers there. Nothing of its
content is told.
"""

from collections.abc import Mapping
from typing import Final

from streams.deliver.members import Members

MAX_BODY_BYTES: Final = 64 * 1024
"""No answer is read further than this."""

_VALUES: Final[Mapping[type, str]] = {
    Members: "a JSON object without a code",
    list: "a JSON list, and no object",
    str: "a JSON string, and no object",
    bool: "a JSON true or false, and no object",
    int: "a JSON number, and no object",
    float: "a JSON number, and no object",
}
_BLANK: Final = "\ufeff \t\r\n\0"


def shape_of(text: str, found: object, *, cut: bool) -> str:
    """The shape of a body without a code. found: the JSON value of `text`, None where it is none. cut: it goes on."""
    bare = text.strip(_BLANK)
    if cut:
        return f"a body of more than {MAX_BODY_BYTES // 1024} KiB, which is read no further"
    if not bare:
        return "an empty body"
    if type(found) in _VALUES:
        return _VALUES[type(found)]
    if bare == "null":
        return "a JSON null, and no object"
    if bare[0] in "{[":
        return "JSON that is cut off or invalid"
    return "markup such as XML, and no JSON" if bare[0] == "<" else "text that is no JSON"

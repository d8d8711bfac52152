"""YAML files with line marks: every error names file, line, path and the nearest known name, and all of them are told at once.

Scalars are read as the text that stands in the file; the models turn them into numbers and booleans where those are wanted. So a
code `01` stays `01`, `no` stays a code, and a 19-digit number keeps all its digits.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from streams.bounded import TEXT_BYTES, NotText, read_bounded, text_in
from streams.errors import Misconfigured
from streams.wording import in_words, nearest

Place: TypeAlias = tuple[str | int, ...]
"""Where in a document something stands: keys and list indexes from the root."""

Node: TypeAlias = "str | list[Node] | dict[str, Node] | None"

ModelT = TypeVar("ModelT", bound=BaseModel)

_DEEPEST = 20
_MOST_VALUES = 100_000
_NO_VALUE = re.compile("[\0\ud800-\udfff]")
# The same documents and marks, ten times as fast where libyaml was compiled in.
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend in a file that a person wrote."""

    file: Path
    """The file."""
    line: int | None
    """From 1; None where the whole file is meant."""
    place: str
    """Path of keys within the file."""
    what: str
    """What is wrong there."""

    def __str__(self) -> str:
        position = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{position}: {self.place}: {self.what}" if self.place else f"{position}: {self.what}"


class BadFiles(Misconfigured):
    """Files that people write do not fit; `problems` holds every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (str(problem.file), problem.line or 0)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(slots=True, kw_only=True)
class Document:
    """One file as it was read: plain lists, mappings and texts; the line of each place; what went wrong so far."""

    file: Path
    content: Node = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    written_at: Mapping[Place, Place] = field(default_factory=dict)
    """Of what the model has and the file has not: the place of which it was made."""

    def report(self, place: Place, what: str) -> None:
        """Note a problem at `place`, once; the line is that of the nearest part of it that is in the file."""
        made_of = next((length for length in range(len(place), 0, -1) if place[:length] in self.written_at), 0)
        written = (*self.written_at[place[:made_of]], *place[made_of:]) if made_of else place
        problem = Problem(file=self.file, line=self.line(written), place=dotted(written), what=what)
        if problem not in self.problems:
            self.problems.append(problem)

    def line(self, place: Place) -> int | None:
        """The line of `place` or of its nearest parent that is written in the file."""
        for length in range(len(place), -1, -1):
            if (line := self.lines.get(place[:length])) is not None:
                return line
        return None


def dotted(place: Place) -> str:
    """`("sources", "his", "tables", 0, "key")` as `sources.his.tables[0].key`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(file: Path) -> Document:
    """Read a YAML file. Duplicate keys, tags and syntax errors become problems of the document, never exceptions."""
    document = Document(file=file)
    try:
        root = _composed(file)
    except OSError as error:
        document.problems.append(Problem(file=file, line=None, place="", what=f"cannot be read: {error.strerror}"))
    except NotText as error:
        document.problems.append(Problem(file=file, line=error.line, place="", what=f"{error}"))
    else:
        document.content = _plain(root, (), document) if root is not None else {}
    return document


class _NotYaml(NotText):
    """Text that is no YAML, or more of it than we take."""


def _composed(file: Path) -> yaml.Node | None:
    """The document's nodes, within bounds. Raises OSError, or NotText with the line."""
    text = text_in(read_bounded(file, most=TEXT_BYTES))
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise _NotYaml(f"is not YAML: {error.problem}", line=line) from error
    except yaml.reader.ReaderError as error:
        sign = error.character if isinstance(error.character, int) else ord(error.character)
        line = text.count("\n", 0, error.position) + 1
        raise _NotYaml(f"is not YAML: the character U+{sign:04X} has no place in it", line=line) from error
    except RecursionError:
        raise _NotYaml("is nested too deeply") from None
    if root is not None and (line := _where_too_much(root)):
        what = f"stands for more than {_MOST_VALUES} values, more than a person writes: do aliases (*name) multiply?"
        raise _NotYaml(what, line=line)
    return root


def _where_too_much(root: yaml.Node) -> int | None:
    """The line at which a document has more values than a person writes, each alias counted as what it stands for."""
    todo, seen = [(root, 0)], 0
    while todo:
        node, depth = todo.pop()
        seen += 1
        if seen > _MOST_VALUES:
            return int(node.start_mark.line) + 1
        if isinstance(node, yaml.CollectionNode) and depth <= _DEEPEST:
            children = node.value if isinstance(node, yaml.SequenceNode) else (child for _, child in node.value)
            todo += [(child, depth + 1) for child in children]
    return None


def _plain(node: yaml.Node, place: Place, document: Document) -> Node:
    document.lines.setdefault(place, node.start_mark.line + 1)
    if len(place) > _DEEPEST:
        document.report(place[:1], "contains itself, or is nested too deeply")
        return None
    if isinstance(node, yaml.ScalarNode):
        if _NO_VALUE.search(node.value):
            document.report(place, "holds a character that no value has: U+0000 or half of a pair")
        return None if not node.style and node.value in NULLS else str(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*place, index), document) for index, child in enumerate(node.value)]
    content: dict[str, Node] = {}
    for key_node, child in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
        key = str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?"
        if key in content:
            document.lines[(*place, key)] = key_node.start_mark.line + 1
            document.report((*place, key), "stands here for the second time; the first would be lost")
            continue
        document.lines[(*place, key)] = key_node.start_mark.line + 1
        content[key] = _plain(child, (*place, key), document)
    return content


def parse(document: Document, model: type[ModelT], *, context: dict[str, object] | None = None) -> ModelT | None:
    """The document as `model`; None after its errors were noted in `document.problems`."""
    if document.content is None:
        if not document.problems:
            document.report((), "is empty")
        return None
    try:
        return model.model_validate(document.content, context=context)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            _explain(document, model, detail)
        return None


def _explain(document: Document, model: type[BaseModel], detail: ErrorDetails) -> None:
    place: Place = detail["loc"]
    if is_key := place[-1:] == ("[key]",):
        place = place[:-1]
    written = place[-1] if is_key else _written(document.content, place)
    what = in_words(detail["type"], detail.get("ctx", {}), message=detail["msg"], written=written)
    if detail["type"] == "extra_forbidden":
        known = known_keys(model, place[:-1])
        what += nearest(str(place[-1]), known) or (f"; known here: {', '.join(sorted(known))}" if known else "")
    document.report(place, f"as a name, this {what}" if is_key else what)


def _written(node: Node, place: Place) -> Node:
    """What stands at `place` of the document, None where nothing does."""
    for part in place:
        match node:
            case dict() if isinstance(part, str):
                node = node.get(part)
            case list() if isinstance(part, int):
                node = node[part]
            case _:
                return None
    return node


def known_keys(model: type[BaseModel], place: Place) -> set[str]:
    """Names that may stand at `place` of a document of `model`; empty where they are free."""
    current: type[BaseModel] | None = model
    for part in place:
        if current is None:
            return set()
        if isinstance(part, int):
            continue
        names = {info.alias or name: info.annotation for name, info in current.model_fields.items()}
        if part in names:
            current, free = _model_in(names[part])
            if free:
                continue
    return {info.alias or name for name, info in current.model_fields.items()} if current else set()


def _model_in(annotation: object) -> tuple[type[BaseModel] | None, bool]:
    """The model inside `Model | None`, `tuple[Model, …]`, `Mapping[str, Model]`; and whether free keys stand in between."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for argument in getattr(annotation, "__args__", ()):
        model, _ = _model_in(argument)
        if model is not None:
            return model, True
    return None, False

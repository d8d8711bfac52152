"""What a data class holds is told in one form everywhere: a line under each field, as in the models of the files people write."""

import ast
import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
ROOTS = ("connector", "streams", "yibao", "sandbox", "tests/bench")
MANY = 6


def classes():
    for root in ROOTS:
        for path in sorted((CHECKOUT / root).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    yield f"{path.relative_to(CHECKOUT)}: {node.name}", node


def fields(node):
    """Names of the annotated fields, each with whether a line of documentation follows it."""
    found = {}
    for number, statement in enumerate(node.body):
        if isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement.annotation):
            after = node.body[number + 1] if number + 1 < len(node.body) else None
            found[statement.target.id] = is_text(after)
    return found


def is_text(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and isinstance(statement.value.value, str)


def test_each_of_many_fields_has_its_line():
    """A paragraph that lists fifteen fields is read by nobody, and the sixteenth field is forgotten in it."""
    bare = {
        where: undocumented
        for where, node in classes()
        if len(named := fields(node)) >= MANY and (undocumented := [name for name, told in named.items() if not told])
    }
    assert {} == bare


def test_no_class_docstring_lists_fields():
    """One form: whoever looks for what a field means looks under the field."""
    listing = {
        where: listed
        for where, node in classes()
        if (
            listed := [
                name for name in fields(node) if re.search(rf"(?:^|[\s`]){name}`?(?:, \w+)*: ", ast.get_docstring(node) or "")
            ]
        )
    }
    assert {} == listing

"""Which core runs: that a compiled one fits its sources, whole, or nothing runs."""

import ast
import hashlib
from pathlib import Path

import pytest

from streams import built
from streams.built import CORE, SUMS, Core, core_of, faults_of, sources, sums
from streams.errors import Misconfigured

ROOT = Path(__file__).parents[3]
CASTS = ["'Fill'", "'tuple[str, ...]'"]
"""Of functions that are made here, and of what was looked at just before."""


@pytest.fixture
def place(tmp_path):
    """A tree with a module of each folder of the core, and each module that is named."""
    for name in CORE:
        path = tmp_path / name if name.endswith(".py") else tmp_path / name / "deep" / "module.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n", "utf-8")
    return tmp_path


def compile_all(place, *, but=()):
    """Put something in the place of extension modules."""
    for name in (*sources(place), SUMS):
        if name not in but:
            (place / name).with_suffix("").with_name(Path(name).stem + built._EXTENSION).touch()


def test_a_module_that_comes_to_the_core_is_compiled_with_it():
    """Whoever adds a file knows of no list; one that stayed Python would only be slower, and nobody would see it."""
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "streams" / "domain").rglob("*.py")}
    assert {name for name in there if not name.endswith("/__init__.py")} <= set(sources(ROOT))


def test_a_named_module_that_moved_is_missed(place):
    """It would be compiled no more, and everything would still work."""
    (place / "streams/lanes/buffer.py").unlink()
    with pytest.raises(Misconfigured, match=r"lanes/buffer\.py is not there"):
        list(sources(place))


def test_no_pattern_of_the_core_names_one_of_several():
    """`case A() | B() as name`: mypyc binds the name to something else than what was looked at (a store on disk was not opened)."""
    named = [
        f"{name}:{pattern.lineno}"
        for name in sources(ROOT)
        for pattern in ast.walk(ast.parse((ROOT / name).read_bytes()))
        if isinstance(pattern, ast.MatchAs) and isinstance(pattern.pattern, ast.MatchOr)
    ]
    assert [] == named


def test_nothing_of_the_core_takes_a_type_for_granted():
    """`typing.cast` is a check in a compiled module: what came in a message would raise where Python goes on, or makes a letter."""
    found = [
        f"{name}:{call.lineno} {ast.unparse(call.args[0])}"
        for name in sources(ROOT)
        for call in ast.walk(ast.parse((ROOT / name).read_bytes()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "cast"
    ]
    assert CASTS == sorted(one.partition(" ")[2] for one in found), found


def test_where_nothing_is_compiled_the_core_is_python(place):
    """As in every checkout."""
    assert Core(compiled=False) == core_of(place)


def test_extension_modules_that_say_nothing_of_their_sources_are_refused(place):
    """They may be of any version."""
    compile_all(place)
    with pytest.raises(Misconfigured, match="was compiled of another source"):
        core_of(place)


def test_a_core_fits_its_sources_whole_or_not_at_all(place):
    """A source that is another one, a module that is not compiled, and one that is left over of an earlier version."""
    now, changed = sums(place), "streams/lanes/ports.py"
    everything = {SUMS, *now}
    assert [] == list(faults_of(now, everything, now))
    of_another = {**now, changed: hashlib.sha256(b"").hexdigest()}
    assert [f"{changed} was compiled of another source"] == list(faults_of(now, everything, of_another))
    assert [f"{changed} is not compiled"] == list(faults_of(now, everything - {changed}, now))
    left = "streams/domain/gone.py"
    assert [f"{left} is compiled, and does not belong to the core"] == list(faults_of(now, everything | {left}, now))


def test_one_extension_module_that_is_left_over_stops_everything(place):
    """As a build in place leaves it: Python imports it in the place of the source that is worked on."""
    compile_all(place, but=set(sources(place)) - {"streams/lanes/ports.py"})
    with pytest.raises(Misconfigured, match="does not fit its sources"):
        core_of(place)

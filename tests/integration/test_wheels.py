"""The wheels that `make wheels` builds, from a copy of this tree: what goes into production, and what does not."""

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("connector", "streams", "yibao")
DATA = {".py", ".json", ".tsv", ".sql", ".yaml", ".properties", ".md", ".typed"}
SKIPPED = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
ASK = """
import sys
sys.path[:0] = sys.argv[1].split(":")  # the interpreter runs without site: no path of the checkout is among its own
from yibao.main import build, VERBS
from streams.errors import Misconfigured
for verb in VERBS:
    try:
        command = build([verb.name])
        if verb.name == "demo":
            command(["demo"], standalone_mode=False)
    except Misconfigured as error:
        print(verb.name, error)
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Both wheels, of a tree in which an earlier build left something and the sandbox stands in either of its places."""
    tree, into = tmp_path_factory.mktemp("tree") / "tree", tmp_path_factory.mktemp("wheels")
    shutil.copytree(ROOT, tree, ignore=SKIPPED)
    for stray in ("build/lib/streams/stale.py", "sandbox/__init__.py", "tests/__init__.py"):
        (tree / stray).parent.mkdir(parents=True, exist_ok=True)
        (tree / stray).touch()
    subprocess.run([sys.executable, tree / "deploy" / "wheels.py", into], check=True, capture_output=True)
    product, sandbox = sorted(into.glob("*.whl"), key=lambda wheel: len(wheel.name))
    return tree, product, sandbox


def files_of(wheel: Path) -> set[str]:
    """What a wheel installs, without what describes it."""
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def described(wheel: Path, name: str) -> bytes:
    archive = zipfile.ZipFile(wheel)
    return archive.read(next(path for path in archive.namelist() if path.endswith(f".dist-info/{name}")))


def test_the_production_wheel_holds_the_whole_product_and_nothing_that_tries_it_out(wheels):
    """What is installed in a hospital is what was reviewed for it: no simulator, no test, nothing stale."""
    tree, product, _ = wheels
    expected = {
        str(path.relative_to(tree))
        for top in PRODUCT
        for path in (tree / top).rglob("*")
        if path.suffix in DATA and "sandbox" not in path.parts
    }

    assert expected == files_of(product)


def test_the_sandbox_is_a_distribution_of_its_own_of_the_same_version(wheels):
    """Beside the production wheel it must overwrite none of its files, and never try out another version."""
    _, product, sandbox = wheels
    held, about = files_of(sandbox), message_from_bytes(described(sandbox, "METADATA"))

    assert (set(), set()) == ({name for name in held if "sandbox" not in Path(name).parts}, held & files_of(product))
    version = message_from_bytes(described(product, "METADATA"))["Version"]
    assert (version, [f"yibao-cdc[sandbox]=={version}"]) == (about["Version"], about.get_all("Requires-Dist"))


def test_both_wheels_carry_the_licence(wheels):
    """Whoever gets a wheel alone gets its terms."""
    for wheel in wheels[1:]:
        assert ("Apache-2.0", (ROOT / "LICENSE").read_bytes(), (ROOT / "NOTICE").read_bytes()) == (
            message_from_bytes(described(wheel, "METADATA"))["License-Expression"],
            described(wheel, "licenses/LICENSE"),
            described(wheel, "licenses/NOTICE"),
        )


def test_an_installed_product_says_which_verbs_need_the_sandbox_and_what_to_do(wheels, tmp_path):
    """The first thing somebody types is `yibao demo`; a traceback about a missing module tells them nothing."""
    _, product, sandbox = wheels
    told = {}
    for wheel in (product, sandbox):
        zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
        path = f"{tmp_path / 'installed'}:{sysconfig.get_path('purelib')}"
        asked = subprocess.run([sys.executable, "-I", "-S", "-c", ASK, path], capture_output=True, text=True, check=True)
        told[wheel] = dict(line.split(" ", 1) for line in asked.stdout.splitlines())

    assert ({"demo", "stack", "platform", "hospital"}, {"demo"}) == (set(told[product]), set(told[sandbox]))
    assert all("yibao-cdc-sandbox" in text and "make demo" in text for text in told[product].values())
    assert "get a checkout" in told[sandbox]["demo"]

"""The two locks: what production installs, and what a checkout needs beyond it, from one resolution."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PRODUCT = ("connector", "streams", "yibao")


def locked(file: str) -> dict[str, str]:
    """By package, what a lock says of it: version, condition, hashes."""
    entries = (ROOT / file).read_text("utf-8").replace("\\\n", " ").splitlines()
    return {entry.split("==")[0]: entry for entry in entries}


def names(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", requirement)[0].lower() for requirement in requirements}


def imported(tree: ast.Module) -> set[str]:
    """The packages that a module asks for."""
    asked = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    asked |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in asked}


def test_production_gets_the_versions_that_were_tested():
    """A version, a condition or a hash that only production has was never run by anybody."""
    production, everything = map(locked, LOCKS)

    assert production.items() <= everything.items()
    assert all(" --hash=sha256:" in entry for entry in everything.values())


def test_what_only_the_sandbox_and_the_tests_need_is_not_in_production():
    """A package less is one less that a hospital has to have checked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    production, everything = map(locked, LOCKS)
    extras = set[str]().union(*map(names, project["optional-dependencies"].values()))

    assert names(project["dependencies"]) <= production.keys()
    assert extras <= everything.keys() - production.keys()


def test_what_the_product_imports_is_in_the_production_lock():
    """A checkout has all packages, so an import of a development one fails only in production."""
    origin = packages_distributions()
    production = locked("requirements.lock")
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for top in PRODUCT
        for path in (ROOT / top).rglob("*.py")
        if "sandbox" not in path.parts
        for name in imported(ast.parse(path.read_bytes())) & origin.keys() - set(PRODUCT)
        if not any(owner.lower().replace("_", "-") in production for owner in origin[name])
    }

    assert set() == missing


@pytest.mark.parametrize("lock", sorted({*LOCKS, *(f"{path.relative_to(ROOT)}" for path in (ROOT / "deploy").rglob("*.lock"))}))
def test_a_lock_holds_no_address(lock):
    """Every site installs from its own mirror; hashes make them all the same."""
    assert "://" not in (ROOT / lock).read_text("utf-8")

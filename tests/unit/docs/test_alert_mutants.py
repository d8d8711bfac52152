"""No part of an alert's rule is idle: break it anywhere, and one of its cases fails. promtool itself is the judge."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.monitoring import program
from tests.unit.docs.alert_cases import CASES, FOLDER
from tests.unit.docs.alert_mutants import mutants

RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yaml").read_text("utf-8"))["groups"] for rule in group["rules"]]
FAILED = re.compile(r'expr: "ALERTS\{alertname=\\"(\w+)\\"')


def renamed(case: dict[str, Any], name: str, names: list[str]) -> Iterator[dict[str, Any]]:
    """The questions of a case, asked of each form of its rule."""
    for asked in case["promql_expr_test"]:
        for other in names:
            samples = [{**one, "labels": one["labels"].replace(f'"{name}"', f'"{other}"')} for one in asked["exp_samples"]]
            yield {**asked, "expr": asked["expr"].replace(f'"{name}"', f'"{other}"'), "exp_samples": samples}


def written(folder: Path, rule: dict[str, Any]) -> tuple[Path, dict[str, str]]:
    """A file of tests with the rule and all that breaks it, each under a name of its own; what those names stand for."""
    name = rule["alert"]
    broken = {f"{name}_{index}": (what, {**one, "alert": f"{name}_{index}"}) for index, (what, one) in enumerate(mutants(rule))}
    rules = [rule, *(one for _, one in broken.values())]
    (folder / f"{name}.rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": name, "rules": rules}]}))
    own = [case for case in CASES if case["name"].split()[0] == name]
    tests = [{**case, "promql_expr_test": [*renamed(case, name, [name, *broken])]} for case in own]
    every = "10m" if rule["for"].endswith("h") else "1m"
    file = folder / f"{name}.test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [f"{name}.rules.yaml"], "evaluation_interval": every, "tests": tests}))
    return file, {name: "", **{other: what for other, (what, _) in broken.items()}}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Names of the forms of which a case failed, and what each form is, by its name."""
    promtool = program("promtool")
    if promtool is None:
        pytest.skip("promtool is not here: make setup fetches it where there is apt-get; or: apt-get install prometheus")
    folder = tmp_path_factory.mktemp("rules")
    files, forms = [], {}
    for rule in RULES:
        file, named = written(folder, rule)
        files.append(file)
        forms |= named
    said = subprocess.run([promtool, "test", "rules", *files], capture_output=True, text=True, check=False)
    return set(FAILED.findall(said.stdout + said.stderr)), forms, said


def test_the_shipped_rules_pass(judged):
    """Also a sign that promtool understood the files: one that it does not read fails as a whole, and names no form."""
    failed, forms, said = judged
    assert [] == [name for name, what in forms.items() if not what and name in failed]
    assert said.stdout.count("Unit Testing") == len(RULES)
    assert failed, said.stdout + said.stderr


def test_every_fault_is_found(judged):
    """What no case asks for may be broken for years: a threshold, a label, a comparison, a metric that nobody serves, a clause, a
    time. The alert is silent then, or wakes people for nothing."""
    failed, forms, _ = judged
    assert len(forms) > 8 * len(RULES)
    assert [] == sorted(f"{name}: {what}" for name, what in forms.items() if what and name not in failed)

"""Rows in, interface records out: the cases in mapping/cases.yaml, readable by whoever writes mappings."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson
import pytest
import yaml

from streams.domain.normalise.record import normalise
from streams.domain.records import MissingLookup, Record, Refusal, SourceRows
from streams.mapping import compile_site, load_site
from streams.spec.fields import ServiceCode

FOLDER = Path(__file__).parent / "mapping"
CASES = yaml.safe_load((FOLDER / "cases.yaml").read_text(encoding="utf-8"))
ROLES = {"mdtrt_d": ("visit",), "setl_d": ("visit", "settlement"), "fee_list_d": ("visit", "settlement", "fee")}


@dataclass
class Known:
    """The lookup rows of the cases."""

    tables: dict

    def find(self, name, key):
        return self.tables[name].get(key[0])


@pytest.fixture(scope="module")
def mapping():
    return compile_site(load_site(FOLDER / "site.yaml"))["his"]


def rows_of(case):
    changes = case.get("change", {})
    rows = {role: CASES["rows"][role] | changes.get(role, {}) for role in ROLES[case["service"]]}
    return SourceRows(
        **{role: {name: None if value is None else str(value) for name, value in row.items()} for role, row in rows.items()}
    )


def listed(violations):
    return [[one.field, one.rule, one.level.value, one.dead_class.value] for one in violations]


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["name"])
def test_rows_become(case, mapping):
    """The whole promise of a mapping: these rows give exactly these bytes, or exactly these reasons."""
    today = date.fromisoformat(CASES["today"])
    result = normalise(mapping, ServiceCode(case["service"]), rows_of(case), Known(CASES["lookups"]), today=today)
    if "missing" in case:
        assert MissingLookup(lookup=case["missing"][0], key=tuple(case["missing"][1])) == result
    elif "violations" in case:
        assert isinstance(result, Refusal)
        assert case["violations"] == listed(result.violations)
    else:
        assert isinstance(result, Record), result
        assert case.get("warnings", []) == listed(result.warnings)
        compare(case, result)


def compare(case, record):
    for name in ("infno", "institution", "key", "business_day", "amount"):
        if name in case:
            assert case[name] == getattr(record, name)
    if "value" in case:
        assert case["value"] == record.value.decode()
    fields = orjson.loads(record.value)
    assert case.get("fields", {}) == {name: fields.get(name) for name in case.get("fields", {})}

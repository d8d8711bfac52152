"""Two hospital databases in one site."""

from pathlib import Path

import pytest

from streams.mapping import BadFiles, load_site

FOLDER = Path(__file__).parents[3] / "contract" / "mapping"
SECOND = """\
  other:
    kind: postgresql
    host: 127.0.0.1
    port: 5432
    database: other
    user: yibao
    password_file: secrets/his.password
    sslmode: disable
    slot: other
    mapping: {mapping}
institutions:
"""


def load(folder, *, second, mapping):
    """The contract site with a second database, and that one's mapping beside it."""
    site = (FOLDER / "site.yaml").read_text(encoding="utf-8").replace("institutions:\n", SECOND.format(mapping=second), 1)
    (folder / "site.yaml").write_text(site, encoding="utf-8")
    (folder / "mapping.yaml").write_text((FOLDER / "mapping.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / second).write_text(mapping, encoding="utf-8")
    return load_site(folder / "site.yaml")


def test_two_databases_may_not_fill_one_lookup(tmp_path):
    """Patient 1001 of one hospital would be reported with the name and birth date of the other's patient 1001."""
    mapping = (FOLDER / "mapping.yaml").read_text(encoding="utf-8")
    with pytest.raises(BadFiles) as bad:
        load(tmp_path, second="mapping.yaml", mapping=mapping)
    told = [str(problem) for problem in bad.value.problems]
    assert [True] * len(told) == ["is filled from source `his` already" in each for each in told]
    assert any("sources.other.mapping: lookup `patient`" in each for each in told)


def test_two_databases_with_lookups_of_their_own_are_one_site(tmp_path):
    """What the message asks for is enough."""
    mapping = (FOLDER / "mapping.yaml").read_text(encoding="utf-8")
    for lookup in ("patient", "item", "department"):
        mapping = mapping.replace(f"lookup: {lookup}", f"lookup: other_{lookup}")
    assert {"his", "other"} == set(load(tmp_path, second="other.yaml", mapping=mapping).sources)

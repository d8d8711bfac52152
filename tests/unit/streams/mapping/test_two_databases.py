"""Two hospital databases in one site."""

from pathlib import Path

import pytest

from connector.contract import TableRole
from streams.mapping import BadFiles, compile_site, load_site

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


FIRST = (FOLDER / "mapping.yaml").read_text(encoding="utf-8")
APART = FIRST
for name in ("patient", "item", "department"):
    APART = APART.replace(f"lookup: {name}", f"lookup: other_{name}")
KEYS = {"visit": "visit_id", "settle": "settle_no", "charge": "charge_id"}
DISTINCT = "    distinct_numbers: 门诊从 1 起编号，药房从 5000000000 起\n"


def prefixed(mapping, prefix, tables=("visit", "settle", "charge")):
    """A mapping whose tables have a `record_prefix`."""
    for table in tables:
        mapping = mapping.replace(f"key: [{KEYS[table]}],", f"key: [{KEYS[table]}], record_prefix: {prefix},")
    return mapping


def load(folder, *, second, mapping, first=FIRST, more="", of_first=""):
    """The contract site with a second database, and that one's mapping beside it. more, of_first: settings of the two databases."""
    site = (FOLDER / "site.yaml").read_text(encoding="utf-8")
    site = site.replace(
        "institutions:\n", of_first + SECOND.format(mapping=second).replace("institutions:\n", f"{more}institutions:\n"), 1
    )
    (folder / "site.yaml").write_text(site, encoding="utf-8")
    (folder / "mapping.yaml").write_text(first, encoding="utf-8")
    (folder / second).write_text(mapping, encoding="utf-8")
    return load_site(folder / "site.yaml")


def problems_of(folder, **how):
    with pytest.raises(BadFiles) as bad:
        load(folder, second="other.yaml", **{"mapping": APART} | how)
    return [str(problem).removeprefix(f"{folder}/") for problem in bad.value.problems]


def test_two_databases_may_not_fill_one_lookup(tmp_path):
    """Patient 1001 of one hospital would be reported with the name and birth date of the other's patient 1001."""
    with pytest.raises(BadFiles) as bad:
        load(tmp_path, second="mapping.yaml", mapping=FIRST, more=DISTINCT)
    told = [str(problem) for problem in bad.value.problems]
    assert [True] * len(told) == ["is filled from source `his` already" in each for each in told]
    assert any("sources.other.mapping: lookup `patient`" in each for each in told)


def test_two_databases_of_one_institution_are_refused_until_their_numbers_cannot_meet(tmp_path):
    """Each is placed and joined by itself: a number in both is one record at the platform, that of whoever changed it last."""
    (told,) = problems_of(tmp_path)
    for said in (
        "site.yaml:14: sources.other: reports mdtrt_d (MDTRT_ID), setl_d (SETL_ID), fee_list_d (BKKP_SN) of H36110200001",
        "and so does `his`",
        "his.charge of `his`, his.charge of `other`",
        "record_prefix",
        "`institutions: [CODE, …]`",
        "`distinct_numbers: …`",
        "yibao check --live",
    ):
        assert said in told, told


@pytest.mark.parametrize(
    "how",
    [
        {"more": DISTINCT},
        {"of_first": DISTINCT},
        {"first": prefixed(FIRST, "A-"), "mapping": prefixed(APART, "B-")},
        {"more": "    institutions: [P36110200002]\n", "of_first": "    institutions: [H36110200001]\n"},
    ],
    ids=["the second says why", "the first says why", "prefixes", "institutions of their own"],
)
def test_two_databases_whose_numbers_cannot_meet_are_one_site(tmp_path, how):
    """What the message asks for is enough, each alone."""
    assert {"his", "other"} == set(load(tmp_path, second="other.yaml", **{"mapping": APART} | how).sources)


@pytest.mark.parametrize(
    ("how", "named", "not_named"),
    [
        ({"mapping": prefixed(APART, "B-")}, "his.charge of `his`", "nothing"),
        ({"first": prefixed(FIRST, "A-"), "mapping": prefixed(APART, "A-1")}, "his.charge of `other`", "nothing"),
        (
            {"first": prefixed(FIRST, "A-"), "mapping": prefixed(APART, "B-", ("visit", "charge"))},
            "his.settle of `other`",
            "his.charge of",
        ),
        (
            {"more": "    institutions: [P36110200002]\n"},
            "reports setl_d (SETL_ID), fee_list_d (BKKP_SN) of P36110200002",
            "mdtrt_d",
        ),
    ],
    ids=["one has a prefix", "a prefix that begins with the other", "one service without", "a pharmacy, which reports no visits"],
)
def test_what_does_not_tell_all_numbers_apart_is_not_enough(tmp_path, how, named, not_named):
    """A number without a prefix may begin with it; only what may meet is named."""
    (told,) = problems_of(tmp_path, **how)
    assert named in told
    assert not_named not in told


def test_an_institution_that_a_database_does_not_report_is_refused_there(tmp_path):
    """So the numbers of two institutions are told apart by construction, whatever stands in a row."""
    more = {"more": "    institutions: [P36110200002]\n", "of_first": "    institutions: [H36110200001]\n"}
    mappings = compile_site(load(tmp_path, second="other.yaml", mapping=APART, **more))
    assert "H36110200001" == mappings["his"].institution(TableRole.FEE, {"org": "01"})
    assert mappings["other"].institution(TableRole.FEE, {"org": "01"}) is None
    assert "P36110200002" == mappings["other"].institution(TableRole.FEE, {"org": "02"})
    assert mappings["his"].institution(TableRole.FEE, {"org": "02"}) is None


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("    institutions: [H36110200010]\n", "`H36110200010` is no institution of the site (did you mean `H36110200001`?)"),
        ("    institutions: []\n", "institutions"),
        ("    distinct_numbers: yes\n", "distinct_numbers"),
        ("    distinct_number: they are\n", "did you mean `distinct_numbers`?"),
    ],
)
def test_what_is_no_reason_and_no_institution_is_told(tmp_path, more, message):
    """An empty reason is none."""
    assert any(message in told for told in problems_of(tmp_path, more=more))


def test_an_institution_that_all_rows_belong_to_cannot_be_left_out(tmp_path):
    """Every row would be refused."""
    constant = APART.replace("fee: org", "fee: {constant: H36110200001}")
    told = problems_of(tmp_path, mapping=constant, more="    institutions: [P36110200002]\n" + DISTINCT)
    assert any("lacks `H36110200001`, to which all fee rows of its mapping belong" in one for one in told)

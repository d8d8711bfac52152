"""A value of a closed set that a person mistyped is refused with the nearest one: `0 waiting` for a slip of the pen is a lie."""

import re
from pathlib import Path

import pytest

import yibao
from connector.errors import Misconfigured as CaptureMisconfigured
from streams.domain.join.parts import Part
from streams.errors import Misconfigured
from streams.explain.waits import WITHDRAWAL
from streams.mapping import load_site
from yibao.audited import ACTIONS
from yibao.steering import target_of
from yibao.verbs import audit, explain, join, limits
from yibao.waits_named import demand_kind, kinds_of

FILE = Path(__file__).parents[3] / "deploy" / "sites" / "sample" / "site.yaml"
INSTITUTION = "H36110200001"
SLIP = "H3611020000l"


@pytest.mark.parametrize(
    "order",
    [
        lambda: join.show_pending(config=FILE, kind="setlement"),
        lambda: join.release(config=FILE, kind="setlement", dry_run=True),
        lambda: join.show_pending(config=FILE, institution=SLIP),
        lambda: join.show_pending(config=FILE, source="hiss"),
        lambda: explain.explain("1", config=FILE, institution=SLIP),
        lambda: explain.explain("1", config=FILE, source="hiss"),
        lambda: limits.set_(config=FILE, institution=SLIP, in_flight=1, why="meant"),
        lambda: target_of(load_site(FILE), source=None, institution=SLIP, service=None, stage=None),
        lambda: target_of(load_site(FILE), source="hiss", institution=None, service=None, stage=None),
        lambda: audit.demand_action("offset recover", ["maintenance set"]),
    ],
)
def test_a_slip_of_the_pen_is_refused_with_the_nearest_name(order):
    """Each before a broker is asked; the sample site has none."""
    with pytest.raises(
        (Misconfigured, CaptureMisconfigured), match=r"did you mean `(settlement|H36110200001|his|offsets recover)`"
    ):
        order()


def test_every_kind_that_rows_wait_for_is_known():
    """What the counts show must be taken when it is asked for."""
    site = load_site(FILE)
    known = kinds_of(site)
    lookups = {one for one in known if one.startswith("lookup ")}
    assert lookups
    assert {*Part, WITHDRAWAL} - {Part.LOOKUP} == set(known) - lookups
    for kind in known:
        demand_kind(site, kind)
    with pytest.raises(Misconfigured, match="--kind nonsense: nothing waits for that; there are"):
        demand_kind(site, "nonsense")


def test_a_lookup_that_the_mapping_has_no_longer_is_known_as_long_as_rows_wait_for_it():
    """They stand in the counts, and can be released."""
    site = load_site(FILE)
    demand_kind(site, "lookup gone", waits=["lookup gone"])
    with pytest.raises(Misconfigured, match="--kind"):
        demand_kind(site, "lookup gone", waits=[])


def test_every_action_that_is_written_is_known():
    """One that is missing would be refused until it was ordered first."""
    literal = re.compile(r'audited\(\s*(?:self\.)?site, "([^"]+)"')
    written = {action for file in Path(yibao.__file__).parent.rglob("*.py") for action in literal.findall(file.read_text("utf-8"))}
    assert len(written) > 10
    assert written <= set(ACTIONS)


@pytest.mark.parametrize(
    "action", ["connector pause", "pause", "offsets recover", "explain --unmask", "slot given up", "a later one"]
)
def test_an_action_that_is_known_or_stands_in_the_log_is_taken(action):
    """A log of a later version may hold what this one does not order."""
    audit.demand_action(action, ["a later one"])

"""`yibao ready`: nothing is ordered without a reason, and what is shown says what would become of what waits."""

import json
from collections import Counter
from pathlib import Path

import pytest

from streams.errors import Misconfigured
from streams.mapping import load_site
from streams.replay.waiting import Fare
from yibao.replaying.renewing import Found
from yibao.verbs import ready

SAMPLE = Path(__file__).parents[3] / "deploy" / "sites" / "sample" / "site.yaml"


def test_nothing_is_ordered_without_a_reason():
    """Whoever asks later must find it; the site's file is not even read."""
    with pytest.raises(Misconfigured, match="--why is needed"):
        ready.renormalise(why=" ")


def test_what_would_become_of_it_is_told_by_cause(capsys):
    """A person decides by it; a program reads the same."""
    counts = Counter(
        {("H36110200001", "fee_list_d", "his@1", Fare.PASSES, ""): 40, ("H36110200001", "mdtrt_d", "his@1", Fare.FAILS, "R7"): 2}
    )
    found = Found(id="dawn", counts=counts, orders=[], ends={})
    ready._show(found)
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("40", "passes", "goes in another version", "R7", "fails"))
    document = json.loads(json.dumps(ready._document(found, ordered=False)))
    assert ({"passes": 40, "fails": 2}, 0, 2) == (document["outcomes"], document["ordered"], len(document["causes"]))


def test_an_institution_that_the_site_has_not_is_an_error(monkeypatch):
    """Nothing of it waits, and "nothing waits" would be believed."""
    monkeypatch.setattr(ready, "load_site", lambda _file: load_site(SAMPLE))
    with pytest.raises(Misconfigured, match=r"H36110200010 is no institution of the site.*H36110200001"):
        ready.renormalise(institution="H36110200010", dry_run=True)


def test_what_was_left_because_nobody_remembers_its_columns_is_told():
    """To say that nothing would become another were a lie: nobody knows."""
    counts = Counter(
        {("H1", "mdtrt_d", "his@1", Fare.UNREAD, "his.a"): 2, ("H1", "setl_d", "his@1", Fare.UNREAD, "his.a, his.b"): 1}
    )
    left = ready._left(Found(id="dawn", counts=counts, orders=[], ends={}))
    again = "`yibao connector apply`, `yibao resnapshot TABLE --wait` of his.a, his.b, then give the order again"
    assert f"3 records were left: {again}" == left
    assert "" == ready._left(Found(id="dawn", counts=Counter(), orders=[], ends={}))


def test_every_outcome_has_a_meaning():
    """A table with a hole would be no help."""
    assert set(Fare) == set(ready._MEANS)

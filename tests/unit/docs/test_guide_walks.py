"""The walks of `make walk-proof` find on the page what they type."""

import pytest

from tests.walk.guide import walk_under


def test_each_walk_finds_its_blocks():
    """A heading or a first word that was changed would be found by a proof that takes minutes."""
    orders, last = walk_under("Disaster recovery", from_words="**All of Kafka, without a copy.**")[:2]
    assert orders[0].startswith("yibao topics apply --report-everything-again ")
    assert last[-1].startswith("yibao resume ")
    first, *_ = walk_under("Disaster recovery")
    assert [True] == [line.startswith("yibao pause ") for line in first]
    assert "yibao connector apply" in walk_under("Disaster recovery", from_words="**Connect's offsets**")[0]
    assert walk_under("Disaster recovery", from_words="Afterwards")[0][-1].startswith("yibao resume ")
    beside, compared, drained, let_go = walk_under("More partitions")
    assert (True, True) == (beside[0].startswith("yibao source prepare "), "yibao worker all -c new.yaml" in beside)
    (line,) = {line for block in (compared, drained) for line in block if line.startswith("yibao join compare ")}
    assert (line in compared, line in drained) == (True, True)
    assert let_go[-1].startswith("yibao resume ")


@pytest.mark.parametrize(("heading", "words"), [("More Partitions", ""), ("More partitions", "words that stand nowhere")])
def test_a_walk_without_commands_is_told(heading, words):
    """Nothing typed is nothing proved."""
    with pytest.raises(ValueError, match="no commands"):
        walk_under(heading, from_words=words)

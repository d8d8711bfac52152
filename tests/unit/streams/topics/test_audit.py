"""The audit log: of two that write at once both are in it, and whatever is done to it afterwards is seen."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import Newer
from streams.topics.audit import AuditEntry, Chain, Link, load, verify


def order(number, *, before=""):
    return AuditEntry(
        id=f"{number:016x}",
        at="2026-11-29T20:00:00+08:00",
        by="ops@gateway",
        action="resume",
        why="moved to the new server",
        facts={"source": "his", "number": number},
        before=before,
    )


def heads_of(log):
    chain = Chain()
    return chain, [chain.take(offset, value) for offset, value in enumerate(log)]


def written(count):
    """A log of so many orders, one after the other."""
    log, chain = [], Chain()
    for number in range(count):
        log.append(order(number, before=chain.head).dump())
        chain.take(number, log[-1])
    return log


def checked(log, *, exported=()):
    return verify(heads_of(log)[1], exported=exported)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=60))
def test_whoever_writes_at_the_same_time_as_others_takes_part_once(steps):
    """Each writer reads, then writes, then looks whether it was first, and writes again where it was not."""
    log, seen, asked, done, pending = [], {}, 0, 0, {}
    for writer, writes in steps:
        if not writes or writer not in seen:
            seen[writer] = heads_of(log)[0].head
            continue
        if writer not in pending:
            asked, pending[writer] = asked + 1, order(asked)
        log.append(replace(pending[writer], before=seen.pop(writer)).dump())
        if heads_of(log)[1][-1].link is Link.CHAINED:
            done += 1
            del pending[writer]
    chain, found = heads_of(log)
    assert (done, ()) == (chain.chained, checked(log).broken)
    assert done == len({one.entry.id for one in found if one.link is Link.CHAINED})
    assert {one.id for one in pending.values()} >= {one.entry.id for one in checked(log).given_up}


@given(st.integers(3, 12), st.data())
def test_what_is_changed_taken_out_or_put_in_is_seen(count, data):
    """All but a missing end, which an earlier export shows."""
    log = written(count)
    at = data.draw(st.integers(0, count - 2))
    how = data.draw(st.sampled_from(["changed", "taken out", "put in", "exchanged", "no entry"]))
    spoilt = list(log)
    if how == "changed":
        spoilt[at] = spoilt[at].replace(b"moved", b"mov3d")
    elif how == "taken out":
        del spoilt[at]
    elif how == "put in":
        spoilt.insert(at + 1, order(99, before="0" * 64).dump())
    elif how == "exchanged":
        spoilt[at], spoilt[at + 1] = spoilt[at + 1], spoilt[at]
    else:
        spoilt.insert(at, b"hello")
    assert checked(log).broken == ()
    assert checked(spoilt, exported=[one.digest for one in heads_of(log)[1]]).broken
    assert checked(spoilt).broken


def test_an_order_put_in_before_the_last_one_is_seen_against_an_export():
    """It follows the one before it well, and the last one only seems to have come too late."""
    log = written(3)
    log.insert(2, order(99, before=heads_of(log[:2])[0].head).dump())
    assert [one.entry.id for one in checked(log).given_up] == [order(2).id]
    assert checked(log, exported=[one.digest for one in heads_of(written(3))[1]]).broken


def test_a_missing_end_is_seen_against_an_export():
    """The chain alone cannot show it."""
    log = written(5)
    digests = [one.digest for one in heads_of(log)[1]]
    assert (checked(log[:3]).broken, 3) == ((), checked(log[:3]).chained)
    (told,) = checked(log[:3], exported=digests).broken
    assert digests[3] in told
    assert checked([*log, *written(6)[5:]], exported=digests).broken == ()


def test_an_order_that_was_interrupted_before_it_took_part_is_told():
    """It did nothing: what is done follows the entry."""
    log = written(2)
    log.append(order(7, before="").dump())
    (one,) = checked(log).given_up
    assert order(7).id == one.entry.id


@pytest.mark.parametrize("value", [None, b"", b"hello", b"[]", b'{"form":1}', order(1).dump().replace(b'"why"', b'"wyh"')])
def test_what_is_no_entry_is_none(value):
    """Something else wrote into the topic."""
    assert load(value) is None


def test_an_entry_of_a_later_version_is_not_judged():
    """It would be called broken, and somebody accused."""
    with pytest.raises(Newer):
        load(orjson.dumps({"form": 2}))

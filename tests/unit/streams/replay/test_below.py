"""What waits below a refused parent is told with that one's letter: nothing else says why a plan does not end."""

from streams.deadletter.record import letter_id, record_key_hash
from streams.domain.kinship import identity_of
from streams.domain.ready import CLOSES
from streams.lanes.deliver import orphan_entries as entries
from streams.replay.below import Below, Entry, Parent, held_by_the_join
from tests.unit.streams.domain.join.join_rig import Join, mappings, whole
from tests.unit.streams.domain.recapture_rig import Site
from tests.unit.streams.replay.test_trial import entries as state_of
from tests.unit.streams.replay.test_trial import of_emission

LETTER, OF_VISIT = "5f" * 16, "a0" * 16


def records():
    """A visit, its settlement and its line, as the deliver stage reads them."""
    return [of_emission(emission, number) for number, emission in enumerate(whole(Join()).ready, 1)]


def below(*messages, hashes):
    found = Below(hashes)
    for key, value in messages:
        found.take(Entry(0, key, value), "visit.ready")
    return found.parents()


def waiting(record):
    return entries.key_of_waiting(record.number), entries.waiting_value(record)


def refused(record):
    return entries.key_of_refused(identity_of(record)), entries.refused_value(record.key)


def test_a_line_below_a_settlement_that_waits_for_a_refused_visit_names_the_visit():
    """The settlement has no letter: it is the visit that somebody must mend."""
    visit, settlement, line = records()
    hashes = {LETTER: record_key_hash("fee_list_d", line.record_key)}
    of_visit = entries.key_of_letter(identity_of(visit)), entries.letter_value(OF_VISIT)
    told = below(refused(visit), of_visit, waiting(settlement), waiting(line), hashes=hashes)
    assert {LETTER: [Parent("mdtrt_d", OF_VISIT)]} == told


def test_what_was_accepted_or_freed_since_is_told_no_more():
    """The last message of a key counts."""
    visit, _, line = records()
    hashes = {LETTER: record_key_hash("fee_list_d", line.record_key)}
    (parent, said), (key, value) = refused(visit), waiting(line)
    assert {LETTER: []} == below((parent, said), (key, value), (parent, None), hashes=hashes)
    assert {} == below((parent, said), (key, value), (key, None), hashes=hashes)


def test_a_letter_that_knows_no_record_is_found_by_the_record_that_closes_it():
    """Its row had no place when it was told."""
    visit, _, line = records()
    line = line._replace(added=(*line.added, (CLOSES, LETTER.encode())))
    assert {LETTER: [Parent("mdtrt_d", "")]} == below(refused(visit), waiting(line), hashes={LETTER: ""})


def test_a_row_that_the_join_holds_names_the_row_above_it():
    """It was read again, and has its place now; what is to be mended is its visit, which has a letter of its own."""
    site = Site()
    site.change("h.visit", med_type="?" * 9)
    of_visit = letter_id(site.join.dead[-1])
    site.change("h.settle")
    site.change("h.charge", visit_id=None)
    letter = letter_id(site.join.dead[-1])
    site.asks("h.charge", letter)
    site.read("h.charge")
    told = held_by_the_join({letter}, state_of(site.join), mappings())
    assert {letter: [Parent("mdtrt_d", of_visit)]} == told
    site.change("h.visit", "u")
    assert {} == held_by_the_join({letter}, state_of(site.join), mappings())

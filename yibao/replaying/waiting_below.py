"""Why letters of a plan stay pending although nothing is wrong with them: something above them is, and is named."""

from collections.abc import Collection, Mapping

from streams.deadletter.index.fates import fates
from streams.deadletter.reading import read_letters
from streams.mapping import Site, compile_site
from streams.replay.below import Below, Entry, Parent, held_by_the_join
from streams.replay.ordering import visit_of
from streams.replay.plan import Plan
from streams.topics.whole import read_whole
from streams.wiring import broker_access, client_options
from yibao.letters.asked import ask
from yibao.replaying.planning import state_of
from yibao.replaying.running import INDEX_S


def waiting_below(site: Site, plan: Plan, pending: Collection[str], *, in_join: bool) -> Mapping[str, list[Parent]]:
    """By letter, of those that wait for a refused parent: which ones. in_join: look into what the join remembers, too, all of which
    is read for that. Raises as `ask`.
    """
    if not pending:
        return {}
    found, _ = ask(site, lambda index: fates(index, sorted(pending)), deadline_s=INDEX_S)
    below = Below({letter: fate.record_hash.hex() for letter, fate in found.items()})
    for message in read_whole(client_options(site), site.topics.orphans):
        below.take(Entry(message.partition, message.key, message.value), site.topics.ready)
    told = {letter: parents for letter, parents in below.parents().items() if letter in pending and parents}
    left = {*pending} - {*told}
    return {**told, **_held(site, plan, left)} if in_join and left else told


def _held(site: Site, plan: Plan, letters: set[str]) -> Mapping[str, list[Parent]]:
    places = {(item.partition, item.offset) for item in plan.items if item.letter in letters}
    views = read_letters(broker_access(site), site.topics.dead, places, client_id=f"yibao-{site.site}")
    visits = {visit_of(view).encode() for view in views} - {b""}
    return held_by_the_join(letters, state_of(site, visits), compile_site(site))

"""Run a plan of depth recapture: have the rows of its letters read again by key, and say for each that its reading is over.

For each portion of a table's keys: the orders go into the rows of their source, then Debezium reads the rows behind them, then
it is proved that all came that the database has, and what is remembered and is not there is told; at last the end of the reading
goes into the rows. Whoever places them knows then of each row whether anything of it came in between. A record that the platform
refused, and whose row is as it was, goes once more as it was, behind that end: else nothing would ever come of its letter. Killed
anywhere, the same portion is read again, and what was done of it before does no harm.
"""

import secrets
import time
from collections.abc import Iterable
from typing import Final

from connector.contract import CapturedTable, CaptureSource
from connector.errors import BadCondition
from connector.profiles import profile_of
from streams.broker_wiring import broker_access, client_options
from streams.domain.recapture import ended_value, order_value
from streams.domain.replay import replay_value
from streams.domain.several_roles import in_database
from streams.errors import Misconfigured, Refused
from streams.mapping import Site, capture_sources
from streams.replay.rereading import Batch, Reread, batches
from streams.topics.broker import Broker
from streams.topics.writing import write_all
from yibao.captures.resnapshot import Reading, Wanted, read_again
from yibao.moments import now_ms
from yibao.replaying.running import Running

_SECONDS_AN_ORDER: Final = 5.0
"""One order to Debezium is for as many rows as the plan's rate allows in so long."""
MOST_KEYS: Final = 500
"""And for so many at most: they are a condition in SQL."""
_UNKNOWN: Final = (
    "it is not known whether the last orders were written; the same command goes on, and an order that comes twice does no harm"
)


def reread(running: Running, rereads: Iterable[Reread]) -> None:
    """Read the rows that were not read yet. Raises Refused where a reading fails, or too many letters are refused again."""
    left = [one for one in rereads if one.asked.letter not in running.progress.sent]
    rate = running.pace.rate_per_s
    with Broker(broker_access(running.site)) as broker:
        for batch in batches(left, plan=running.plan.id, most=keys_an_order(rate)):
            running.demand_wanted()
            running.yield_to_others(broker)
            began = time.monotonic()
            with running.progress.portion(batch.letters):
                _read(running, batch)
            running.stop_where_refused()
            running.say(f"{len(running.progress.sent)} of {len(running.plan.passing)} read again")
            time.sleep(max(0.0, len(batch.rows) / rate - (time.monotonic() - began)))


def keys_an_order(rate_per_s: float) -> int:
    """Of how many rows one order is."""
    return max(1, min(MOST_KEYS, round(rate_per_s * _SECONDS_AN_ORDER)))


def _read(running: Running, batch: Batch) -> None:
    site, at, reading_id = running.site, now_ms(), secrets.token_hex(6)
    source, table = _captured(site, batch)
    rows = [one._replace(reading=reading_id) for one in batch.rows.values()]
    _say(site, batch.source, [order_value(one, at=at) for one in rows])
    reading = _reading(running, source, table, batch)
    if not reading.proved:
        why = "" if reading.compared is None else reading.compared.why_not
        raise Refused(f"{batch.table} of {batch.source}: {why or 'not all of its rows came'}; the same command goes on")
    again = [replay_value(one, at=at) for one in batch.again]
    _say(site, batch.source, [ended_value(one, at=at) for one in rows])
    if again:  # behind what was read: a row that is another one now has handed that on, and this sends nothing more of it
        _say(site, batch.source, again)


def _reading(running: Running, source: CaptureSource, table: CapturedTable, batch: Batch) -> Reading:
    keys = [*batch.rows]
    where = profile_of(source.kind).condition_of_keys(table, keys)
    wanted = Wanted(site=running.site, source=source, table=table, where=where, keys=frozenset(keys))
    try:
        return read_again(wanted, wait=True, say=running.say)
    except BadCondition:  # its text has the keys
        told = f"{batch.table} of {batch.source}: the database does not understand the keys of these letters"
        raise Refused(f"{told}: is the key still of the type that it was? Leave them out with another FILTER") from None


def _captured(site: Site, batch: Batch) -> tuple[CaptureSource, CapturedTable]:
    for source in capture_sources(site):
        for table in source.tables:
            if (source.name, table.name) == (batch.source, in_database(batch.table)):
                return source, table
    raise Misconfigured(f"{batch.table} of {batch.source} is not captured any more: make a new plan")


def _say(site: Site, source: str, values: list[bytes]) -> None:
    write_all(client_options(site), site.topics.rows(source), values, otherwise=_UNKNOWN)

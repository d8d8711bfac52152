"""What `yibao status` counts of the join's state on a real broker, and what it says where its time is too short for that."""

import asyncio

import pytest

from connector.contract import TableRole
from streams.domain.join.entries import dump, key_of
from streams.domain.join.stored import StoredRow
from streams.explain.logs import FOLDER
from streams.explain.pending import Awaited
from streams.explain.remembered import state_shape
from streams.indexes.store import Store
from streams.mapping import load_site
from tests.bench.bench_site import write_site
from tests.bench.messages import Message
from tests.bench.topics import apply_topics, fill
from tests.patience import PATIENCE_S
from yibao.explaining import keys_of
from yibao.status.waits import parts_waiting

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PREFIX = "waits-"
SINCE, UNTIL = 1_764_000_000_000, 1_764_000_900_000


def said(number, *, whose, part="", since=SINCE):
    """A fee line as the join remembers it."""
    row = StoredRow(TableRole.FEE, "his", "his.sf_fymx", (f"{number}",), {"jgdm": whose}, (number,), SINCE)
    row = row.waiting(part, since=since, deadline=UNTIL) if part else row
    return Message(topic="visit.state", partition=0, key=key_of(b"V1", row.role, row.source, row.table, row.key), value=dump(row))


def test_what_waits_is_counted_and_what_was_not_counted_yet_is_told(kafka, tmp_path):
    """A look must not stand for minutes where the state is large: it says how far it came, and the next one goes on from there."""
    about = {"prefix": PREFIX, "platform_url": "http://127.0.0.1:9", "partitions": 1}
    file = write_site(tmp_path, bootstrap_servers=kafka.bootstrap_servers, **about)
    apply_topics(file)
    site = load_site(file)
    first, second, *_ = (one for one in site.institutions if one.his_codes)
    rows = [
        said(1, whose=first.his_codes[0], part="settlement", since=SINCE + 5),
        said(2, whose=second.his_codes[0], part="lookup item"),
        said(3, whose=first.his_codes[0], part="settlement", since=SINCE + 9),
        said(4, whose=first.his_codes[0]),
        said(5, whose="nobody's", part="visit", since=SINCE + 7),
    ]
    asyncio.run(fill(kafka.bootstrap_servers, PREFIX, rows))
    hurried = parts_waiting(site, within_s=0.0)
    assert (0, True) == (hurried.rows, "messages of visit.state were read" in hurried.unknown)
    shape = state_shape(keys_of(site, clear=False).institutions)
    with Store(site.workers.home / FOLDER, site.topics.state, shape).alone(lambda: None):
        assert "another yibao" in parts_waiting(site, within_s=PATIENCE_S).unknown, "it does not wait for the other one"
    found = parts_waiting(site, within_s=PATIENCE_S)
    assert [
        Awaited("his", second.code, "lookup item", 1, 0, SINCE),
        Awaited("his", first.code, "settlement", 2, 0, SINCE + 5),
        Awaited("his", "", "visit", 1, 0, SINCE + 7),
    ] == found.of
    assert "" == found.unknown
    settled = [said(1, whose=first.his_codes[0]), said(3, whose=first.his_codes[0], part="visit", since=SINCE + 20)]
    asyncio.run(fill(kafka.bootstrap_servers, PREFIX, settled))
    told = {(one.institution, one.kind): one.rows for one in parts_waiting(site, within_s=PATIENCE_S).of}
    assert {(second.code, "lookup item"): 1, ("", "visit"): 1, (first.code, "visit"): 1} == told

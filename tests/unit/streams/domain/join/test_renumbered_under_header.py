"""Lines under a header that come again under new ids: their header moves to another visit, and takes them along."""

import orjson

from streams.mapping import load_site
from streams.mapping.settled import Renumbered
from streams.mapping.tables import Table
from tests.oracle.flow import PARTITIONS
from tests.oracle.one_source import Stages
from tests.oracle.stages import placer_of
from tests.unit.streams.domain.join.join_rig import SITE


def of_lines_under_orders():
    plain = load_site(SITE)
    by_name = {table.table: table for table in plain.mappings["many"].tables}
    order = Table.model_validate({"table": "m.order", "role": "header", "key": ["order_no"], "visit_key": "visit_id"})
    words = {"table": "m.item", "role": "fee", "key": ["item_id"], "under": "m.order", "header": "order_no"}
    line = Table.model_validate(words).model_copy(update={"renumbered": Renumbered(same=("order_no", "item"))})
    tables = (by_name["m.register"], by_name["m.bill"], order, line)
    mapping = plain.mappings["many"].model_copy(update={"tables": tables})
    return plain.model_copy(update={"mappings": {"many": mapping}, "sources": {"many": plain.sources["many"]}})


def test_a_line_that_another_visit_gets_with_its_header_has_its_own_number_there_and_the_other_is_told():
    """The record that it took over would stand at the platform for good, and nobody would know."""
    site = of_lines_under_orders()
    stages, at = Stages(site, placer_of(site, partitions=PARTITIONS, quiet_ms=30_000)), 1_714_700_100_000

    def say(transaction, op, table, row):
        nonlocal at
        at += 1
        source = {"connector": "postgresql", "name": "many", "schema": "m", "table": table, "snapshot": "false", "lsn": at}
        source |= {"txId": transaction, "ts_ms": at, "ts_us": at * 1000}
        images = {"before": row if op == "d" else None, "after": None if op == "d" else row}
        stages.take(orjson.dumps({**images, "source": source, "op": op}), at)

    for visit in ("1", "2"):
        say(1, "c", "register", {"register_no": f"R{visit}", "visit_id": visit, "ward": "内科", "card": None})
        say(1, "c", "bill", {"bill_no": f"B{visit}", "visit_id": visit, "total": "20.00"})
    line = {"item_id": "7", "order_no": "O", "item": "药"}
    say(2, "c", "order", {"order_no": "O", "visit_id": "1"})
    say(2, "c", "item", line)
    say(3, "d", "item", line)
    say(3, "c", "item", line | {"item_id": "8"})
    stages.tick(at + 100_000)
    told = [(kind, key) for kind, service, key, _ in stages.told if service == "fee_list_d"]
    assert [("record", "7")] == told
    say(4, "u", "order", {"order_no": "O", "visit_id": "2"})
    stages.tick(at + 200_000)
    told = [(kind, key, what) for kind, service, key, what in stages.told if service == "fee_list_d"][1:]
    assert [("8", "R2")] == [(key, what["MDTRT_ID"]) for kind, key, what in told if kind == "record"]
    assert [("7", "WITHDRAWN")] == [(key, what[0]) for kind, key, what in told if kind == "letter"]

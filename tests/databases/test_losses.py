"""What a MariaDB loses for a capture: its log is removed, the schema history is gone. Each is named with the way back, and after
that what was reported is what stands in the database, once.
"""

from collections import Counter
from contextlib import closing

import orjson
import pytest
from kafka.admin import KafkaAdminClient

from streams.mapping import load_site
from tests.bench.processes import worker
from tests.databases.binlog_site import (
    database,
    execute,
    follow,
    kind,
    own,
    prepare,
    reported,
    site,
    state,
    steps_of,
    taken_back,
    until,
    wait_for,
    withdrawn,
    yibao,
)

__all__ = ["database", "kind", "own", "site", "yibao"]

pytestmark = pytest.mark.stack


def purged(database):
    """Whether the log is one file; of more, all but the last are removed, unless somebody still reads them: then in a moment."""
    ((log, *_),) = execute(database, "SHOW MASTER STATUS")
    execute(database, f"PURGE BINARY LOGS TO '{log}'")
    return 1 == len(execute(database, "SHOW BINARY LOGS"))


def test_what_is_lost_is_named_and_what_it_held_is_reported_after_the_way_back(own, site, database, yibao):
    """While capture was down the administrator freed the disk: what changed meanwhile stands in no log any more, and what was
    deleted no snapshot shows. Then somebody deletes a topic that nobody seems to need. And somebody types
    the undo script and the script again while capture runs. And the password changes every quarter.
    """
    for words in (("topics", "apply"), ("connector", "apply")):
        code, _, err = yibao(*words)
        assert 0 == code, err
    loaded = load_site(site)
    with worker("place", site=site, home=site.parent) as place, worker("join", site=site, home=site.parent) as join:
        execute(database, "INSERT INTO his.charge VALUES (6, 'V1', '2026-03-01 07:32:00', 1.00, 'D1')")
        until(lambda: reported(loaded).keys(), {"S1", "1", "6"}, place, join)
        own.kill("connect")
        execute(database, "UPDATE his.settle SET total = 11.00 WHERE settle_no = 'S1'")
        execute(database, "INSERT INTO his.charge VALUES (7, 'V1', '2026-03-01 07:33:00', 1.00, 'D1')")
        execute(database, "DELETE FROM his.charge WHERE charge_id = 6")
        execute(database, "FLUSH BINARY LOGS")
        execute(database, "UPDATE cdc.heartbeat SET ts = now(6)")
        wait_for(lambda: purged(database), place, join)
        own.start("connect")
        remedy = named(yibao, "its place in the log is lost", place, join)
        assert [] == withdrawn(loaded)
        follow(yibao, remedy)
        wait_for(lambda: len(withdrawn(loaded)) == 1, place, join)
        wait_for(lambda: "7" in reported(loaded) and len(reported(loaded)["S1"]) == 2, place, join)
        arrives(database, loaded, 8, place, join)

        own.kill("connect")
        execute(database, "INSERT INTO his.charge VALUES (9, 'V1', '2026-03-01 07:35:00', 1.00, 'D1')")
        execute(database, "DELETE FROM his.charge WHERE charge_id = 7")
        history = loaded.topics.schema_history("his")
        with closing(KafkaAdminClient(bootstrap_servers=own.endpoints.bootstrap_servers)) as admin:
            admin.delete_topics([history])
        wait_for(lambda: 0 == yibao("topics", "apply")[0], place, join)
        own.start("connect")
        follow(yibao, named(yibao, "its schema history (capture.history.his) is lost", place, join))
        wait_for(lambda: len(withdrawn(loaded)) == 2, place, join)
        arrives(database, loaded, 10, place, join)

        taken_back(database, steps_of(site))
        prepare(database, site)
        arrives(database, loaded, 12, place, join)

        execute(database, "ALTER USER capture@'127.0.0.1' IDENTIFIED BY 'the-next-capture-password'")
        refused = "its database refuses what capture logs in by"
        assert (1, True) == ((told := yibao("connector", "status"))[0], refused in told[1])
        (own.secrets / "capture").write_text("the-next-capture-password")
        assert 0 == yibao("connector", "restart", "his", "--all")[0]
        arrives(database, loaded, 11, place, join)
        assert 0 == yibao("check", "--live")[0]
        after = reported(loaded)
    assert {"S1", "1", "6", "7", "8", "9", "10", "11", "12"} == after.keys()
    assert ["10.00", "11.00"] == [orjson.loads(one)["MEDFEE_SUMAMT"] for one in after["S1"]]
    assert {1} == {count for versions in after.values() for count in Counter(versions).values()}, "nothing unchanged is told again"
    assert 1 == len(after["1"])


def named(yibao, what, *processes):
    """The remedy, once the loss is told."""
    wait_for(lambda: what in (state(yibao)["remedy"] or ""), *processes)
    return state(yibao)["remedy"]


def arrives(database, loaded, number, *processes):
    """A line that is written now."""
    execute(database, f"INSERT INTO his.charge VALUES ({number}, 'V1', '2026-03-01 07:34:00', 1.00, 'D1')")
    until(lambda: reported(loaded).keys(), {f"{number}"}, *processes)

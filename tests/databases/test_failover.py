"""Two MariaDBs: one is promoted for the other, in order, and after a transaction that capture had read was lost. Capture stops,
says so and names the way back; what was reported is what stands in the database then, once.

Debezium 3.5 does not go on by GTID with a replica that has written by itself: it looks for the position in the last number of each
server of a domain alone.
"""

from collections import Counter
from contextlib import closing

import orjson
import pytest
import yaml

from streams.mapping import load_site
from tests.bench.processes import worker
from tests.databases.binlog_site import (
    connected,
    database,
    execute,
    follow,
    kind,
    own,
    reported,
    site,
    state,
    until,
    wait_for,
    withdrawn,
    yibao,
)
from tests.own_stack import own_stack

__all__ = ["database", "kind", "own", "site", "yibao"]

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def other(own, database):
    """A second server, with a log of its own files."""
    with own_stack("mariadb") as stack:
        stack.up()
        with closing(connected(stack)) as link:
            execute(link, "SET GLOBAL server_id = 2")
            follows(link, database, own)
            yield stack, link


def follows(replica, primary, stack):
    """It replays what the other has, and has it all."""
    host, port = stack.endpoints.postgres_host, stack.endpoints.mariadb_port
    execute(
        replica,
        f"CHANGE MASTER TO master_host = '{host}', master_port = {port}, master_user = 'root', master_use_gtid = current_pos,"
        " master_connect_retry = 1",
    )
    execute(replica, "START SLAVE")
    caught_up(replica, primary)


def caught_up(replica, primary):
    ((position,),) = execute(primary, "SELECT @@gtid_binlog_pos")
    assert ((0,),) == execute(replica, f"SELECT MASTER_GTID_WAIT('{position}', 60)")


def promoted(replica):
    execute(replica, "STOP SLAVE")
    execute(replica, "RESET SLAVE ALL")


def line(link, number, amount="1.00"):
    execute(link, f"INSERT INTO his.charge VALUES ({number}, 'V1', '2026-03-01 07:33:00', {amount}, 'D1')")


def moved_to(stack, site, yibao):
    """The site's file names the other server. Workers are stopped."""
    document = yaml.safe_load(site.read_text(encoding="utf-8"))
    document["sources"]["his"]["port"] = stack.endpoints.mariadb_port
    site.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    code, _, err = yibao("topics", "apply", "--rebind", "sources.his", "--why", "the replica was promoted")
    assert 0 == code, err
    code, out, _ = yibao("connector", "apply")
    assert (1, True, True) == (code, "is another one" in out, "yibao connector forget his" in out)
    code, out, err = yibao("resume", "his", "--why", "the replica was promoted")
    assert 0 == code, err
    if yibao("connector", "apply")[0]:  # its task had failed, with the first server's address
        yibao("connector", "restart", "his", "--all")


def brought_back(yibao, *processes):
    """As `connector status` says."""
    wait_for(lambda: "its place in the log is lost" in (state(yibao)["remedy"] or ""), *processes)
    follow(yibao, state(yibao)["remedy"])


@pytest.mark.timeout(1500)  # twice Connect begins anew and reads everything
def test_capture_goes_on_with_a_promoted_replica_and_with_one_that_lost_a_transaction(own, other, site, database, yibao):
    """A switch in order, while capture is behind; then a server that dies with what nobody had copied yet."""
    for words in (("topics", "apply"), ("connector", "apply")):
        code, _, err = yibao(*words)
        assert 0 == code, err
    loaded, (second, replica) = load_site(site), other
    with worker("place", site=site, home=site.parent) as place, worker("join", site=site, home=site.parent) as join:
        line(database, 20)
        until(lambda: reported(loaded).keys(), {"S1", "1", "20"}, place, join)
        own.kill("connect")
    execute(database, "UPDATE his.settle SET total = 11.00 WHERE settle_no = 'S1'")  # on the first, not read yet
    execute(database, "DELETE FROM his.charge WHERE charge_id = 20")
    caught_up(replica, database)
    promoted(replica)
    execute(replica, "FLUSH BINARY LOGS")
    line(replica, 21)
    own.kill("mariadb")
    own.start("connect")
    moved_to(second, site, yibao)
    with worker("place", site=site, home=site.parent) as place, worker("join", site=site, home=site.parent) as join:
        brought_back(yibao, place, join)
        until(lambda: reported(loaded).keys(), {"21"}, place, join)
        wait_for(lambda: (len(withdrawn(loaded)), len(reported(loaded)["S1"])) == (1, 2), place, join)
        assert {"S1", "1", "20", "21"} == reported(loaded).keys()

        own.start("mariadb")
        first = connected(own)
        follows(first, replica, second)
        promoted(first)
        execute(replica, "UPDATE his.settle SET total = 12.00 WHERE settle_no = 'S1'")  # on the second alone, and reported
        line(replica, 22)
        until(lambda: reported(loaded).keys(), {"22"}, place, join)
        wait_for(lambda: len(reported(loaded)["S1"]) == 3, place, join)
    second.kill("mariadb")
    line(first, 23)
    moved_to(own, site, yibao)
    with worker("place", site=site, home=site.parent) as place, worker("join", site=site, home=site.parent) as join:
        brought_back(yibao, place, join)
        until(lambda: reported(loaded).keys(), {"23"}, place, join)
        wait_for(lambda: (len(withdrawn(loaded)), len(reported(loaded)["S1"])) == (2, 4), place, join)
        line(first, 24)
        until(lambda: reported(loaded).keys(), {"24"}, place, join)
        after = reported(loaded)
    first.close()
    assert {"S1", "1", "20", "21", "22", "23", "24"} == after.keys()
    assert ["10.00", "11.00", "12.00", "11.00"] == [orjson.loads(one)["MEDFEE_SUMAMT"] for one in after["S1"]]
    lines = {key: versions for key, versions in after.items() if key != "S1"}
    assert {1} == {count for versions in lines.values() for count in Counter(versions).values()}
    assert {1} == {len(versions) for versions in lines.values()}

"""What a MariaDB loses for a capture: its log is removed. It is named with the way back, and after that what was reported is what
stands in the database, once.
"""

import json
import re
import shlex
from collections import Counter

import orjson
import pytest

from streams.mapping import load_site
from tests.bench.processes import worker
from tests.databases.maria_site import database, execute, own, reported, site, until, wait_for, yibao

__all__ = ["database", "own", "site", "yibao"]

pytestmark = pytest.mark.stack

_COMMAND = re.compile(r"yibao (?:connector|resume|resnapshot)[^,;(…]*…?")


def state(yibao):
    """What is told of the capture."""
    _, out, _ = yibao("connector", "status", "-o", "json")
    (told,) = json.loads(out)["connectors"]
    return told


def follow(yibao, remedy):
    """Type each command of it, as it stands there."""
    for found in _COMMAND.findall(remedy):
        words = shlex.split(found.strip().replace("…", "the-log-was-removed"))[1:]
        code, out, err = yibao(*words, *(["--yes"] if "forget" in words else []))
        assert 0 == code, (found, out, err)
    for table in state(yibao)["rows"]["read_again"]:
        code, out, err = yibao("resnapshot", table, "--source", "his", "--wait", "-o", "json")
        assert (0, True) == (code, json.loads(out)["proved"]), err


def test_a_log_that_was_removed_is_named_and_what_it_held_is_reported_after_the_way_back(own, site, database, yibao):
    """While capture was down the administrator freed the disk. What changed meanwhile stands in no log any more."""
    for words in (("topics", "apply"), ("connector", "apply")):
        code, _, err = yibao(*words)
        assert 0 == code, err
    loaded = load_site(site)
    with worker("place", site=site, home=site.parent) as place, worker("join", site=site, home=site.parent) as join:
        assert {"S1", "1"} == until(lambda: reported(loaded).keys(), {"S1", "1"}, place, join)
        own.kill("connect")
        execute(database, "UPDATE his.settle SET total = 11.00 WHERE settle_no = 'S1'")
        execute(database, "INSERT INTO his.charge VALUES (7, 'V1', '2026-03-01 07:33:00', 1.00, 'D1')")
        execute(database, "FLUSH BINARY LOGS")
        ((log, *_),) = execute(database, "SHOW MASTER STATUS")
        execute(database, f"PURGE BINARY LOGS TO '{log}'")
        execute(database, "UPDATE cdc.heartbeat SET ts = now(6)")
        own.start("connect")
        wait_for(lambda: state(yibao)["remedy"] is not None, place, join)
        remedy = state(yibao)["remedy"]
        assert "its place in the log is lost" in remedy
        follow(yibao, remedy)
        wanted = {"S1", "1", "7"}
        wait_for(lambda: wanted == reported(loaded).keys() and len(reported(loaded)["S1"]) == 2, place, join)
        execute(database, "INSERT INTO his.charge VALUES (8, 'V1', '2026-03-01 07:34:00', 1.00, 'D1')")
        until(lambda: reported(loaded).keys(), wanted | {"8"}, place, join)
        after = reported(loaded)
    assert ["10.00", "11.00"] == [orjson.loads(one)["MEDFEE_SUMAMT"] for one in after["S1"]]
    assert {1} == {count for versions in after.values() for count in Counter(versions).values()}, "nothing unchanged is told again"
    assert 1 == len(after["1"])

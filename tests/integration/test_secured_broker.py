"""Brokers behind TLS and passwords, as in production: every client of ours comes in, or says why it did not."""

import asyncio
import subprocess
import sys
from itertools import pairwise

import orjson
import pytest

from tests.bench.messages import Load, hospital_messages
from tests.bench.parts import fold_all
from tests.bench.processes import CHECKOUT, platform
from tests.bench.topics import apply_topics, fill
from tests.in_process import yibao
from tests.integration.both_stages import accepted_lines, run_until
from tests.integration.secured_kafka import secured_kafka, site_of
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.timeout(600)

PARTITIONS = 4
LATE_S = 25
"""Where the end of a connection is waited for, half of the lanes come 30 s after the others, and none between; a busy machine makes
all slow, one after the other.
"""


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    with secured_kafka(tmp_path_factory.mktemp("secured")) as reached:
        yield reached


def at_night(*arguments):
    """Nobody sits at a terminal."""
    command = [sys.executable, "-m", "yibao", *map(str, arguments)]
    alone = {"stdin": subprocess.DEVNULL, "start_new_session": True}
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=PATIENCE_S, check=False, **alone)


def test_changes_become_accepted_records_through_tls_and_a_password(secured, tmp_path):
    """Topics, both stages with their transactions, receipts and dead letters: each has a client of its own, which opens its key."""
    lookups, changes = hospital_messages(20, partitions=PARTITIONS)
    expected = len(fold_all(Load(lookups=lookups, changes=changes, partitions=PARTITIONS)).emissions)
    with platform(0.0, home=tmp_path) as url:
        site = site_of(secured, tmp_path, prefix="tls-", url=url)
        apply_topics(site)
        for messages in (lookups, changes):
            asyncio.run(fill(secured.servers, "tls-", messages, **secured.clients()))
        workers = run_until(site, tmp_path, expected)
    assert expected == len(accepted_lines(site))
    assert [0, 0] == [one.process.returncode for one in workers]
    told = [orjson.loads(line) for line in (tmp_path / "join-0.log").read_bytes().splitlines()]
    opened = [line for line in told if line["event"] == "lane_opened"]
    assert PARTITIONS == len(opened)
    took = sorted(line["took_s"] for line in opened)
    gaps = [later - earlier for earlier, later in pairwise(took)]
    assert max(gaps) < LATE_S, "the end of a TLS connection must not hold up a lane"
    refused = [line["error"] for line in told if line["event"] == "brokers_lost" and line["error"] != "TimeoutError"]
    assert [] == refused, "who calls the brokers trusts the same authority and shows the same password"
    code, _, err = yibao("dlq", "summary", "--config", site, "--output", "json")
    assert 0 == code, err


def test_a_wrong_password_does_not_get_in(secured, tmp_path):
    """It is told where to look, without the password."""
    wrong = tmp_path / "wrong.password"
    wrong.write_text("not-the-password\n", "ascii")
    site = site_of(secured, tmp_path, prefix="wrong-", sasl_password_file=f"{wrong}")
    code, _, told = yibao("topics", "plan", "--config", site)
    assert 3 == code
    assert "does not let this client in" in told
    assert "kafka.security" in told
    assert "not-the-password" not in told


@pytest.mark.parametrize("verb", [("dlq", "summary"), ("worker", "join"), ("check",)])
def test_an_encrypted_key_without_its_password_is_told_and_never_asked_for(secured, tmp_path, verb):
    """OpenSSL asks on the terminal of whoever started the worker, and the worker waits for the answer until morning."""
    site = site_of(secured, tmp_path, prefix="locked-")
    lines = site.read_text("utf-8").splitlines(keepends=True)
    site.write_text("".join(line for line in lines if "ssl_password_file" not in line), "utf-8")
    told = at_night(*verb, "--config", site)
    assert 2 == told.returncode
    assert f"{secured.key_file} is encrypted: name the file with its password in kafka.security.ssl_password_file" in told.stderr


def test_a_wrong_password_of_the_key_is_told(secured, tmp_path):
    """Without the password, and with the setting to look at."""
    site = site_of(secured, tmp_path, prefix="locked-", ssl_password_file=f"{secured.password_file}")
    code, _, told = yibao("topics", "plan", "--config", site)
    assert 2 == code
    assert "kafka.security.ssl_password_file does not open kafka.security.ssl_keyfile" in told
    assert secured.password not in told


def test_a_broker_of_another_authority_is_not_trusted(secured, tmp_path):
    """Whoever answers there would get the password and the patients' data."""
    site = site_of(secured, tmp_path, prefix="other-", ssl_cafile=f"{secured.other_ca_file}")
    code, _, told = yibao("topics", "plan", "--config", site)
    assert 3 == code
    assert "kafka.security" in told

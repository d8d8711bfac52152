"""`yibao replay` at depth recapture, on the real stack: letters of two databases whose rows nobody remembers, one plan, a runner
that is killed in the middle.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager

import pytest
import yaml

from connector.connect import Access, Connect
from sandbox.hospital import Workload, create_schema
from sandbox.hospital import run as run_hospital
from streams.broker_wiring import client_options
from streams.deliver.ledger import read_receipts
from streams.mapping import load_site
from streams.seal import generate_key_pair
from streams.topics.whole import read_whole
from tests.bench.processes import platform
from tests.forks import worker
from tests.integration.capture_steps import PASSWORD, SAMPLE, superuser, wait_for, write
from tests.patience import PATIENCE_S
from yibao.main import run

pytestmark = pytest.mark.stack

DATABASES = {"his": "recapture_his", "branch": "recapture_branch"}
NOWHERE = "rule:NO_VISIT_KEY"
ALL_BUT = "insert, update, delete, truncate"


@pytest.fixture
def site(stack, tmp_path):
    """The sample site with a second database of the same kind. In each, four lines name no visit when capture begins."""
    folder = tmp_path / "site"
    shutil.copytree(SAMPLE, folder)
    document = yaml.safe_load((folder / "site.yaml").read_text("utf-8"))
    (folder / "keys").mkdir()
    for institution in document["institutions"]:
        (folder / institution["public_key_file"]).write_text(generate_key_pair().public.pem)
    document["kafka"] |= {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": "recapture.", "partitions": 3}
    document["connect"] = {"url": stack.connect_url, "heartbeat_s": 1}
    document["join"] = {"tick_s": 0.5, "withdrawal_grace_s": 0.5}
    document["replay"] = {"rate_per_s": 4}
    sample = document["sources"].pop("his")
    for source, database in DATABASES.items():
        password = stack.secrets / database
        password.write_text(PASSWORD)
        own = {
            "port": stack.postgres_port,
            "database": database,
            "user": database,
            "password_file": f"{password}",
            "slot": database,
            "distinct_numbers": "each database counts from elsewhere",
        }
        document["sources"][source] = sample | own | {"mapping": f"{source}.yaml"}
        (folder / f"{source}.yaml").write_text(of_its_own((folder / "mapping.yaml").read_text("utf-8"), source), "utf-8")
    with databases(stack):
        yield write(folder / "site.yaml", document)


def of_its_own(mapping, source):
    """The sample's mapping under another name, with lookups of its own."""
    text = mapping.replace("mapping: sample-his", f"mapping: sample-{source}")
    return re.sub(r"lookup: (patient|department|item)\b", rf"lookup: {source}-\1", text)


@contextmanager
def databases(stack):
    for number, database in enumerate(DATABASES.values()):
        with superuser(stack, "postgres") as connection:
            connection.execute(f"CREATE DATABASE {database}")
        with superuser(stack, database) as connection:
            create_schema(connection, password=PASSWORD, role=database)
            run_hospital(connection, Workload(visits=4, seed=5, first=1 + 500 * number, bad_share=0.0))
    yield
    connect = Connect(Access(url=stack.connect_url))
    for source, database in DATABASES.items():
        if connect.config(f"recapture.capture-{source}") is not None:
            connect.delete(f"recapture.capture-{source}")
        with superuser(stack, "postgres") as connection:
            until(lambda c=connection, d=database: not c.execute(ACTIVE, (d,)).fetchone())
            connection.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (database,)
            )
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)")
            connection.execute(f"DROP ROLE {database}")


ACTIVE = "SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = %s"


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def yibao(monkeypatch, capsys, tmp_path):
    """The command line in this process: exit code and standard output."""
    said = []

    def call(*words, config, ok=(0,)):
        """ok: exit codes that are expected."""
        monkeypatch.setattr(sys, "argv", ["yibao", *map(str, words), "-c", f"{config}"])
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        said.append(f"{time.monotonic():.1f} yibao {words} (exit code {stopped.value.code})\n{told.out}{told.err}")
        assert (stopped.value.code or 0) in ok, said[-1]
        return told.out

    yield call
    sys.stdout.write("\n".join(said))


def lines_without_a_visit(stack, database):
    """Four lines lose their visit before anybody captures them; their keys and visits."""
    with superuser(stack, database) as connection:
        found = connection.execute(
            "SELECT mxid, jzlsh FROM his.sf_fymx WHERE sl > 0 AND ytmxid IS NULL ORDER BY mxid LIMIT 4"
        ).fetchall()
        connection.execute("UPDATE his.sf_fymx SET jzlsh = NULL WHERE mxid = ANY(%s)", ([key for key, _ in found],))
    return found


def unseen(connection, captured, statement, *values):
    """What nobody captures: the row is to be found only by reading it again."""
    connection.execute(f"ALTER PUBLICATION yibao_his SET (publish = '{captured}')")
    connection.execute(statement, values)
    connection.execute(f"ALTER PUBLICATION yibao_his SET (publish = '{ALL_BUT}')")


def mend(stack, database, lines):
    """One is mended while nobody looks, one is deleted so, one is mended as it should be, and one stays as it is."""
    (one, visit), (gone, _), (seen, its_visit), _ = lines
    setting = "UPDATE his.sf_fymx SET jzlsh = %s WHERE mxid = %s"
    with superuser(stack, database) as connection:
        unseen(connection, "insert, delete, truncate", setting, visit, one)
        unseen(connection, "insert, update, truncate", "DELETE FROM his.sf_fymx WHERE mxid = %s", gone)
        connection.execute(setting, (its_visit, seen))


def killed_in_the_middle(site, file, folder):
    """A runner that is killed when Debezium has its first order."""
    client, topics = client_options(load_site(site)), load_site(site).topics
    command = [sys.executable, "-m", "yibao", "replay", "run", f"{file}", "-c", f"{site}"]
    with (folder / "runner.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as runner:
        until(lambda: runner.poll() is not None or next(read_whole(client, topics.signals), None) is not None)
        assert runner.poll() is None, (folder / "runner.log").read_text()
        runner.kill()


def test_letters_of_rows_that_nobody_remembers_end_with_what_stands_in_the_database(site, stack, yibao, tmp_path):
    """Such letters stayed open until somebody closed them by hand, and rows whose change nobody saw stayed as they were."""
    lines = {source: lines_without_a_visit(stack, database) for source, database in DATABASES.items()}
    with ExitStack() as running:
        address = running.enter_context(platform(0.0, home=tmp_path))
        document = yaml.safe_load(site.read_text("utf-8"))
        write(site, document | {"platform": {"url": address}})
        yibao("topics", "apply", config=site)
        works = [running.enter_context(worker(stage, site=site, home=tmp_path)) for stage in ("place", "join", "deliver")]
        yibao("connector", "apply", config=site)

        def letters(*words):
            return json.loads(yibao("dlq", "list", *words, "-o", "json", config=site))["total"]

        topic = client_options(load_site(site)), load_site(site).topics.dead
        wait_for(works[0], lambda: sum(1 for _ in read_whole(*topic)) >= 8)
        assert 8 == letters(NOWHERE)
        for source, database in DATABASES.items():
            mend(stack, database, lines[source])
        file = tmp_path / "night.plan"
        words = (
            "replay",
            "plan",
            NOWHERE,
            "--depth",
            "recapture",
            "--why",
            "the lines have visits now",
            "--out",
            file,
            "-o",
            "json",
        )
        planned = json.loads(yibao(*words, config=site))
        assert {"read again": 8} == planned["outcomes"]
        assert b'"form":2' in file.read_bytes()
        killed_in_the_middle(site, file, tmp_path)
        yibao("replay", "run", file, config=site)

        def status():
            return json.loads(yibao("replay", "status", file, "-o", "json", config=site))

        wait_for(works[0], lambda: status()["pending"] == 0)
        told = status()
        assert (2, 2, 4) == (told["accepted"], told["refused_again"], told["closed_otherwise"])
        assert not json.loads(yibao("replay", "verify", file, "-o", "json", config=site, ok=(1,)))["without_receipt"]
        yibao("replay", "run", file, config=site)
        assert 2 == letters(NOWHERE), "those that stay as they are, told anew"
        loaded = load_site(site)
        receipts = read_receipts(client_options(loaded), loaded.topics.receipts)
        reported = [line.key for receipt in receipts for line in receipt.records]
        for source in DATABASES:
            mended, gone, seen, left = [f"{key}" for key, _ in lines[source]]
            assert [1, 0, 1, 0] == [reported.count(one) for one in (mended, gone, seen, left)]
        became_of_the_lines("branch", lines["branch"], lambda *words, ok=(0,): yibao("explain", *words, config=site, ok=ok))
        noted = [one for one in yibao("audit", "list", "-o", "json", config=site).splitlines() if "explain --unmask" in one]
        assert [True] == ["asked by the ward" in one and f"{lines['branch'][0][0]}" not in one for one in noted]
        assert not json.loads(yibao("join", "pending", "--kind", "visit", "-o", "json", config=site))["oldest"]


def became_of_the_lines(source, lines, explain):
    """What a person asks by telephone, answered from the topics alone."""
    (mended, visit), (gone, _), (seen, _), (left, _) = lines
    only = ("--source", source, "--service", "fee_list_d", "-o", "json")
    asked = {key: json.loads(explain(key, *only)) for key in (mended, seen)}
    for told in asked.values():
        assert "accepted" == told["now"][-1]["fate"]
        happened = [event["what"] for event in told["events"]]
        assert happened.index("could not be reported") < happened.index("record made") < happened.index("accepted by the platform")
        assert any(what.startswith("letter closed") for what in happened)
        placed = [event for event in told["events"] if event["stage"] == "capture"]
        assert all(event["facts"]["captured_as"].startswith(f"recapture.rows.{source}/0/") for event in placed)
    clear = json.loads(explain(mended, *only, "--unmask", "--reason", "asked by the ward"))
    shown = [one["contents"][-1]["rows"]["fee"]["mxid"] for one in (asked[mended], clear)]
    assert ["***", f"{mended}"] == shown
    for key in (gone, left):
        told = json.loads(explain(key, *only, ok=(1,)))
        assert ([], [], True) == (told["hits"], told["unplaced"], bool(told["letters"]))
    assert re.search(rf"his.sf_fymx/{mended} = fee_list_d {mended}: accepted, in its last version", explain(visit))
    whole = json.loads(explain(visit, "-o", "json"))
    assert {"accepted"} == {one["fate"] for one in whole["now"]}
    assert f"his.sf_fymx/{mended}" in {one["of"] for one in whole["now"]}

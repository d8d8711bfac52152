"""`yibao topics` and `yibao connector` on the sample hospital, as an integrator types them."""

import asyncio
import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
import yaml
from structlog.testing import capture_logs

from connector.connect import Access, Connect
from connector.errors import Refused
from connector.profiles import profile_of
from sandbox.hospital import Workload, create_schema
from sandbox.hospital import run as run_hospital
from sandbox.hospital.tables import TABLES
from sandbox.stack import Stack
from sandbox.stack.postgres import SETTINGS
from streams.mapping import capture_sources, load_site
from streams.seal import generate_key_pair
from streams.wiring import place_stage
from tests.integration.capture_steps import (
    CONNECTOR,
    DATABASE,
    PASSWORD,
    SAMPLE,
    join_of_another_mapping,
    reading_again,
    readings_beside_the_log,
    rows_that_went,
    slot_of_another_capture,
    superuser,
    workers_that_stood,
    write,
)
from tests.patience import PATIENCE_S
from yibao.captures.facts import look_at, note_read, note_to_read, stands_of
from yibao.captures.from_site import chosen_sources
from yibao.captures.watching import watched
from yibao.main import run

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def site(stack, tmp_path_factory):
    """The sample site on the run's stack, in a database, topics and a slot of its own."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    (folder / "keys").mkdir()
    for institution in yaml.safe_load((SAMPLE / "site.yaml").read_text(encoding="utf-8"))["institutions"]:
        (folder / institution["public_key_file"]).write_text(generate_key_pair().public.pem)
    password = stack.secrets / DATABASE
    password.write_text(PASSWORD)
    with superuser(stack, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    with superuser(stack, DATABASE) as connection:
        create_schema(connection, password=PASSWORD, role=DATABASE)
    document = yaml.safe_load((folder / "site.yaml").read_text(encoding="utf-8"))
    document["kafka"] |= {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": "command.", "partitions": 3}
    document["connect"] = {"url": stack.connect_url, "heartbeat_s": 1}
    document["join"] = {"tick_s": 0.5, "withdrawal_grace_s": 0.5}
    document["sources"]["his"] |= {
        "port": stack.postgres_port,
        "database": DATABASE,
        "user": DATABASE,
        "password_file": str(password),
        "slot": DATABASE,
    }
    yield write(folder / "site.yaml", document)
    with superuser(stack, "postgres") as connection:
        deadline = time.monotonic() + PATIENCE_S
        while connection.execute("SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = %s", (DATABASE,)).fetchone():
            assert time.monotonic() < deadline, "the connector does not let go of its slot"
            time.sleep(0.1)
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s",
            (DATABASE,),
        )
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        connection.execute(f"DROP ROLE {DATABASE}")


@pytest.fixture
def changed(site):
    """The site with some values of its file changed, in a file beside it."""

    def write_changed(**sections):
        document = yaml.safe_load(site.read_text(encoding="utf-8"))
        for section, values in sections.items():
            (document["sources"]["his"] if section == "his" else document[section]).update(values)
        return write(site.with_name("changed.yaml"), document)

    return write_changed


@pytest.fixture
def yibao(monkeypatch, capsys):
    """The command line in this process: exit code, standard output, standard error. A test that fails shows all that was said."""
    said = []

    def call(*words, config):
        monkeypatch.setattr(sys, "argv", ["yibao", *words, "-c", str(config)])
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        said.append(f"yibao {' '.join(words)} (exit code {stopped.value.code})\n{told.out}{told.err}")
        return stopped.value.code or 0, told.out, told.err

    yield call
    sys.stdout.write("\n".join(said))


@pytest.fixture
def no_capture_left(stack):
    """However the test ends: the tests after it find no connector."""
    yield
    connect = Connect(Access(url=stack.connect_url))
    if connect.config(CONNECTOR) is not None:
        connect.delete(CONNECTOR)


def until_it_beats(ask):
    """The state of the only connector, once its first heartbeat came: it may follow the start by ten seconds."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        code, out, _ = ask()
        (state,) = json.loads(out)["connectors"]
        if state["heartbeat_age_s"] is not None:
            assert code == 1, "no worker takes part"
            return state
    raise AssertionError("no heartbeat came")


@pytest.mark.usefixtures("no_capture_left")
def test_from_nothing_to_a_running_capture(site, stack, changed, yibao, monkeypatch):
    """The way of an integrator, in the order of the manual, with the usual slips."""
    code, out, _ = yibao("connector", "plan", config=site)
    assert (code, "capture-his: create" in out) == (0, True)
    code, out, _ = yibao("check", "--live", "-o", "json", config=site)
    assert (code, json.loads(out)["ok"]) == (0, True)
    code, out, _ = yibao("check", "-o", "json", config=site)
    assert (code, json.loads(out)["unseen"]) == (0, [])

    code, _, err = yibao("connector", "apply", config=site)
    assert (code, "yibao topics apply" in err) == (1, True)

    code, out, _ = yibao("topics", "plan", "-o", "json", config=site)
    assert (code, {topic["action"] for topic in json.loads(out)["topics"]}) == (0, {"create"})
    code, out, _ = yibao("topics", "apply", "-o", "json", config=site)
    assert (code, len(json.loads(out)["first_offsets"])) == (0, 7)
    code, out, _ = yibao("topics", "apply", "-o", "json", config=site)
    again = json.loads(out)
    assert (code, again["first_offsets"], {topic["action"] for topic in again["topics"]}) == (0, [], {"unchanged"})

    code, out, _ = yibao("connector", "apply", config=site)
    assert (code, "capture-his: create" in out) == (0, True)
    code, out, _ = yibao("connector", "apply", "-o", "json", config=site)
    assert (code, json.loads(out)["connectors"][0]["action"]) == (0, "unchanged")
    code, out, _ = yibao("check", "--live", config=changed(platform={"url": "http://127.0.0.1:9/another"}))
    assert (code, "this file is not the site that the topics belong to" in out) == (1, True)

    state = until_it_beats(lambda: yibao("connector", "status", "-o", "json", config=site))
    assert (state["status"]["state"], state["heartbeat_age_s"] < 60) == ("RUNNING", True)
    code, out, _ = yibao("connector", "status", config=site)
    assert (code, "RUNNING" in out, "no worker takes part" in out) == (1, True, True)

    assert yibao("resume", "his", "--why", "the beginning", config=site)[0] == 0
    with workers_that_stood(site, stack, yibao) as place:
        (source,) = capture_sources(load_site(site))
        note_to_read(load_site(site), source, ("his.sf_fymx", "his.jc_ks", "his.sf_jsjl"), why="a test")
        reading_again(site, stack, yibao, monkeypatch)
        assert [] == readings_beside_the_log(stack)
        rows_that_went(site, stack, yibao, place)
        join_of_another_mapping(site)
        code, out, _ = yibao("connector", "status", "-o", "json", config=site)
        stages = {one["stage"]: one for one in json.loads(out)["stages"]}
        assert {"place": 1, "join": 1, "deliver": 0} == {name: one["workers"] for name, one in stages.items()}
        assert (True, "his") == (stages["deliver"]["waiting"] > 20, stages["place"]["source"])
    code, out, _ = yibao("connector", "status", config=site)
    assert "deliver" in out
    assert (1, True, False) == (code, "resnapshot his.sf_jsjl" in out, "resnapshot his.sf_fymx" in out)  # no worker any more

    code, out, _ = yibao("connector", "plan", config=changed(his={"slot": "another_slot"}))
    assert (code, "loss: slot.name" in out) == (0, True)
    code, _, err = yibao("connector", "apply", config=changed(his={"slot": "another_slot"}))
    assert (code, "--accept-loss" in err) == (1, True)

    for verb in ("pause", "resume", "stop", "resume"):
        assert (0, "", "") == yibao("connector", verb, "his", config=site)
    assert (0, "", "") == yibao("connector", "restart", "his", "--all", config=site)

    slot_of_another_capture(site, stack, yibao, monkeypatch)


BLIND = {
    "publication": [
        "DROP PUBLICATION yibao_his",
        f"CREATE PUBLICATION yibao_his FOR TABLE {', '.join(table.name for table in TABLES)}, cdc.heartbeat",
    ],
    "his.sf_jsjl": ["ALTER PUBLICATION yibao_his DROP TABLE his.sf_jsjl", "ALTER PUBLICATION yibao_his ADD TABLE his.sf_jsjl"],
    "his.jc_xmml": [
        "CREATE TABLE his.copied (LIKE his.jc_xmml INCLUDING ALL)",
        "ALTER TABLE his.copied REPLICA IDENTITY FULL",
        "ALTER TABLE his.jc_xmml RENAME TO jc_xmml_before",
        "ALTER TABLE his.copied RENAME TO jc_xmml",
        f"GRANT SELECT ON his.jc_xmml TO {DATABASE}",
        "ALTER PUBLICATION yibao_his ADD TABLE his.jc_xmml",
    ],
    "his.jc_ks.ksmc": ["ALTER TABLE his.jc_ks DROP COLUMN ksmc", "ALTER TABLE his.jc_ks ADD COLUMN ksmc varchar(100)"],
}
"""By what is told: what an administrator does, all of it done by the time anybody looks. No name has changed."""
RETYPED = {
    "his.sf_fymx.fysj": ("timestamptz", "timestamp", "write `time: instant` in the mapping"),
    "his.sf_fymx.jzlsh": ("char(20)", "varchar(20)", "one visit's rows would part ways"),
}
"""By column: its new type, the one that it had, and why capture cannot go on with the new one."""


def look_out(site, source="his"):
    """What a worker of the place stage does when it opens the lane of a source, and every 15 s."""

    async def look():
        loaded = load_site(site)
        stage = place_stage(loaded, home=site.parent / "workers", index=0, watched=watched(loaded))
        try:
            await stage.shared.lookout.open(source)
            return stage.shared.lookout.gate.of(source)
        finally:
            await stage.context.broker.stop()

    with capture_logs():
        return asyncio.run(look())


def test_what_makes_capture_blind_stops_the_source_until_a_person_lets_it_go_on(site, stack, yibao):
    """Seen on this very stack: each of them lost or mangled rows while Connect said RUNNING and heartbeats came."""
    assert yibao("topics", "apply", config=site)[0] == 0
    code, out, _ = yibao("resume", "his", "--why", "the beginning", config=site)
    assert (0, True) == (code, "it did not stand" in out)
    assert not look_out(site).stopped
    with superuser(stack, DATABASE) as database:
        for where, statements in BLIND.items():
            for statement in statements:
                database.execute(statement)
            control = look_out(site)
            assert [where] == [reason.partition(" ")[0] for reason in control.reasons]
            code, out, _ = yibao("resume", "his", "--why", f"{where} is meant", "-o", "json", config=site)
            assert (0, True, list(control.read_again)) == (code, (told := json.loads(out))["stood"], told["read_again"])
            assert not look_out(site).stopped

        before = look_out(site).facts
        for where, (new, old, why) in RETYPED.items():
            table, column = where.rsplit(".", 1)
            database.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {new}")
            assert [where] == [reason.partition(" ")[0] for reason in look_out(site).reasons]
            code, out, _ = yibao("connector", "status", config=site)
            assert (1, True) == (code, "its rows are not placed since" in out)
            code, _, err = yibao("resume", "his", "--why", "no idea", config=site)
            assert (1, True) == (code, why in err)
            database.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {old}")
            assert look_out(site).stopped
            assert yibao("resume", "his", "--why", "undone", config=site)[0] == 0
        assert before["tables"] == look_out(site).facts["tables"]


def test_a_login_that_was_taken_away_is_told_at_the_first_look_although_capture_still_reads(site, stack, yibao):
    """Its connection stands until it ends, and heartbeats come. Once status said for that long that nothing needs a person."""
    assert yibao("topics", "apply", config=site)[0] == 0
    look_out(site)
    with superuser(stack, DATABASE) as database:
        publication = "SELECT pubname FROM pg_publication"
        ((name,),) = database.execute(publication).fetchall()
        database.execute(f"ALTER ROLE {DATABASE} NOLOGIN")
        database.execute(f"ALTER PUBLICATION {name} RENAME TO gone")
        try:
            code, out, _ = yibao("connector", "status", config=site)
            assert (1, True) == (code, "its database refuses what capture logs in by" in out)
        finally:
            database.execute(f"ALTER PUBLICATION gone RENAME TO {name}")
            database.execute(f"ALTER ROLE {DATABASE} LOGIN")
    stand = stands_of(loaded := load_site(site), capture_sources(loaded))["his"]
    assert ("", False) == (stand.unseen, stand.refused)


def test_rows_that_the_mapping_takes_otherwise_are_owed_until_they_were_read_again(site, yibao):
    """Half of the lines as the mapping of before took them, half as this one does, and nobody would know which."""
    assert yibao("topics", "apply", config=site)[0] == 0
    for table in look_out(site).read_again:  # what another test left
        note_read(load_site(site), "his", table)
    assert () == look_out(site).read_again
    other = remapped(site, "his.sf_fymx", 'nulls: ["-"]')
    order = "yibao resnapshot his.sf_fymx --source his --wait"
    code, out, _ = yibao("connector", "plan", config=other)
    assert (0, True, True) == (code, "warns: his.sf_fymx has another `nulls` in the mapping" in out, f"anew, then: {order}" in out)
    code, _, err = yibao("resnapshot", "his.sf_fymx", "--wait", config=other)
    assert (1, True) == (code, "no worker of place works by this mapping yet" in err)
    assert (code, err) == yibao("resnapshot", "--owed", config=other)[::2]
    for words in ((), ("his.sf_fymx", "--owed"), ("--owed", "--key", "1")):
        assert (2, True) == ((said := yibao("resnapshot", *words, config=other))[0], "--owed alone" in said[2])
    assert ("his.sf_fymx",) == look_out(other).read_again
    code, out, _ = yibao("connector", "plan", config=other)
    assert (0, True, True) == (code, "his.sf_fymx is still to be read again" in out, order in out)
    note_read(load_site(other), "his", "his.sf_fymx")
    assert () == look_out(other).read_again
    assert "his.sf_fymx" not in yibao("connector", "plan", config=other)[1]
    assert (0, True) == ((said := yibao("resnapshot", "--owed", config=other))[0], "nothing is owed" in said[2])


def remapped(site, table, word):
    """The site, of which one table says something more."""
    mapping = re.sub(rf"(  - table: {table}\b.*\n)", rf"\1    {word}\n", (SAMPLE / "mapping.yaml").read_text(encoding="utf-8"))
    site.with_name("otherwise.yaml").write_text(mapping, encoding="utf-8")
    document = yaml.safe_load(site.read_text(encoding="utf-8"))
    document["sources"]["his"]["mapping"] = "otherwise.yaml"
    return write(site.with_name("remapped-site.yaml"), document)


def test_what_stands_against_capture_is_shown_with_its_mend_and_exit_code_1(changed, yibao):
    """`plan` in a pipeline must fail where `apply` would."""
    code, out, _ = yibao("connector", "plan", config=changed(his={"publication": "absent"}))
    assert (code, 'CREATE PUBLICATION "absent" FOR TABLE' in out) == (1, True)
    code, out, _ = yibao("connector", "apply", "-o", "json", config=changed(his={"publication": "absent"}))
    assert (code, json.loads(out)["connectors"][0]["findings"][0]["where"]) == (1, "publication absent")


UNIDENTIFIED = "PostgreSQL refuses the hospital's own updates and deletes on it"
REFUSED_UPDATE = psycopg.errors.ObjectNotInPrerequisiteState
PARTITIONED = f"""
ALTER TABLE his.sf_fymx RENAME TO sf_fymx_before;
CREATE TABLE his.sf_fymx (LIKE his.sf_fymx_before, PRIMARY KEY (mxid)) PARTITION BY RANGE (mxid);
ALTER TABLE his.sf_fymx REPLICA IDENTITY FULL;
CREATE TABLE his.sf_fymx_rest PARTITION OF his.sf_fymx DEFAULT;
GRANT SELECT ON his.sf_fymx TO {DATABASE};
ALTER PUBLICATION yibao_his DROP TABLE his.sf_fymx_before;
ALTER PUBLICATION yibao_his ADD TABLE his.sf_fymx
"""
"""A table that grew too large: its administrator set the replica identity, and the partition does not take it over."""


@pytest.mark.parametrize(
    ("slip", "found", "refused"),
    [
        (
            "ALTER TABLE his.sf_fymx DROP CONSTRAINT sf_fymx_pkey",
            {"his.sf_fymx (mxid)": "is neither the primary key nor unique"},
            None,
        ),
        ("ALTER TABLE his.mz_zy_jz REPLICA IDENTITY DEFAULT", {"his.mz_zy_jz": "would arrive without its visit"}, None),
        (
            "ALTER TABLE his.sf_jsjl REPLICA IDENTITY NOTHING",
            {"his.sf_jsjl": UNIDENTIFIED},
            "UPDATE his.sf_jsjl SET xm = 'x'",
        ),
        (
            "ALTER TABLE his.sf_jsjl DROP CONSTRAINT sf_jsjl_pkey; ALTER TABLE his.sf_jsjl REPLICA IDENTITY DEFAULT",
            {"his.sf_jsjl": UNIDENTIFIED, "his.sf_jsjl (jsdh)": "is neither the primary key nor unique"},
            "DELETE FROM his.sf_jsjl",
        ),
        (
            "ALTER TABLE his.jc_ks DROP CONSTRAINT jc_ks_pkey, ADD UNIQUE (ksdm), REPLICA IDENTITY DEFAULT",
            {"his.jc_ks": UNIDENTIFIED},
            "UPDATE his.jc_ks SET ksmc = 'x'",
        ),
        (
            "ALTER TABLE cdc.heartbeat DROP CONSTRAINT heartbeat_pkey",
            {"cdc.heartbeat": "PostgreSQL refuses the heartbeat"},
            "UPDATE cdc.heartbeat SET ts = now()",
        ),
        ("DELETE FROM cdc.heartbeat", {"cdc.heartbeat": "has no row with id = 1"}, None),
        ("ALTER TABLE his.sf_fymx ENABLE ROW LEVEL SECURITY", {"his.sf_fymx": "has a row security policy"}, None),
        (
            PARTITIONED,
            {"his.sf_fymx": "in its partition his.sf_fymx_rest", "publication yibao_his": "under the names of the partitions"},
            None,
        ),
    ],
)
def test_rows_that_cannot_be_told_apart_or_seen_stand_against_capture_until_mended(site, stack, yibao, *, slip, found, refused):
    """`plan` and `apply` name them with SQL that mends and start nothing. What the finding says of the database is true of it."""
    with superuser(stack, DATABASE) as database:
        before = capture_of(stack, database)
        database.execute(slip)
        if refused is not None:
            with pytest.raises(REFUSED_UPDATE):
                database.execute(refused)
        for verb in ("plan", "apply"):
            code, out, _ = yibao("connector", verb, "-o", "json", config=site)
            blocking = blocking_findings(out)
            assert (code, blocking.keys()) == (1, found.keys())
            assert all(what in blocking[where]["what"] for where, what in found.items())
        code, out, _ = yibao("connector", "plan", config=site)
        assert (code, all(finding["mend"] in out for finding in blocking.values())) == (1, True)
        assert capture_of(stack, database) == before
        for finding in blocking.values():
            database.execute(finding["mend"].partition("  --")[0])
        if refused is not None:
            database.execute(refused)
        if slip == PARTITIONED:  # it is another table than the one that capture was applied against, where it was
            assert yibao("topics", "apply", config=site)[0] == 0
            assert yibao("resume", "his", "--why", "it grew too large", config=site)[0] == 0
        assert yibao("connector", "plan", config=site)[0] == 0


def test_rows_that_a_policy_hides_are_not_taken_for_rows_that_are_gone(site, stack):
    """A reading that does not see them would withdraw hundreds of living lines, and prove it by its own count."""
    (source,) = capture_sources(load_site(site))
    profile, table = profile_of(source.kind), next(table for table in source.tables if table.name == "his.sf_fymx")
    with superuser(stack, DATABASE) as database:
        database.execute(f"ALTER ROLE {source.user} NOBYPASSRLS")
        database.execute("ALTER TABLE his.sf_fymx ENABLE ROW LEVEL SECURITY")
        try:
            with pytest.raises(Refused, match="row-level security"):
                profile.count_rows(source, table, where=None, password=PASSWORD)
            with pytest.raises(Refused, match="row-level security"):
                list(profile.read_keys(source, table, where=None, password=PASSWORD))
        finally:
            database.execute("ALTER TABLE his.sf_fymx DISABLE ROW LEVEL SECURITY")


@pytest.fixture
def as_installed(monkeypatch, site):
    """A server as PostgreSQL is installed, with the sample hospital on it: its log does not carry rows."""
    monkeypatch.delitem(SETTINGS, "wal_level")
    home = Path(tempfile.mkdtemp(prefix="yibao-as-installed-"))
    server = Stack(home, ("postgres",), durable=False, bound=True)
    try:
        server.start("postgres")
        with superuser(server.endpoints, "postgres") as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")
        with superuser(server.endpoints, DATABASE) as connection:
            create_schema(connection, password=PASSWORD, role=DATABASE)
        yield server
    finally:
        server.erase()


def test_a_log_that_carries_no_rows_stands_against_capture_until_the_server_was_restarted(
    stack, as_installed, site, changed, yibao
):
    """The first thing that is wrong at every hospital. The setting alone does nothing, and that must not look like success."""
    config = changed(his={"port": as_installed.endpoints.postgres_port}, kafka={"topic_prefix": "as-installed."})
    for verb in ("plan", "apply"):
        code, out, _ = yibao("connector", verb, config=config)
        assert (code, "blocks: wal_level is replica, so the log does not carry rows" in out) == (1, True)
    code, out, _ = yibao("connector", "plan", "-o", "json", config=config)
    ((where, finding),) = blocking_findings(out).items()
    assert (code, where) == (1, "wal_level")
    assert "restart the server" in finding["mend"]
    before, now = (chosen_sources(load_site(file), "his")[0] for file in (site, config))
    (drift,) = look_at(now, look_at(before, None).facts).drifts
    assert ("server", True, len(now.tables)) == (drift.where, drift.another_server, len(drift.tables))
    with superuser(as_installed.endpoints, DATABASE) as database:
        assert capture_of(stack, database) == (None, [])
        database.execute(finding["mend"].partition("  --")[0])
    assert yibao("connector", "plan", config=config)[0] == 1
    as_installed.stop("postgres")
    as_installed.start("postgres")
    assert yibao("connector", "plan", config=config)[0] == 0


def blocking_findings(out):
    """By their place, from the JSON that `plan` and `apply` print."""
    (connector,) = json.loads(out)["connectors"]
    return {finding["where"]: finding for finding in connector["findings"] if finding["severity"] == "blocks"}


def capture_of(stack, database):
    """What Connect has of the site's connector, and the slots of the database."""
    slots = database.execute("SELECT slot_name FROM pg_replication_slots WHERE database = current_database()").fetchall()
    return Connect(Access(url=stack.connect_url)).config(CONNECTOR), slots


def test_topics_of_another_width_are_refused(site, changed, yibao):
    """Nothing is created beside them, so that the file can be mended and applied again."""
    assert yibao("topics", "apply", config=site)[0] == 0
    assert yibao("topics", "plan", config=changed(kafka={"partitions": 4}))[0] == 1
    code, _, err = yibao("topics", "apply", config=changed(kafka={"partitions": 4}))
    assert (code, "has 3 partitions and must have 4" in err) == (1, True)


@pytest.mark.parametrize(
    ("words", "sections", "named"),
    [
        (("topics", "plan"), {"kafka": {"bootstrap_servers": "127.0.0.1:1"}}, "127.0.0.1:1"),
        (("connector", "plan"), {"connect": {"url": "http://127.0.0.1:1"}}, "http://127.0.0.1:1"),
        (("connector", "plan"), {"his": {"port": 1}}, "127.0.0.1:1"),
    ],
)
def test_what_cannot_be_reached_is_named_with_exit_code_3(changed, yibao, words, sections, named):
    """The person on call starts what is named, and the pipeline tries again later."""
    code, _, err = yibao(*words, config=changed(**sections))
    assert (code, named in err, "Traceback" in err) == (3, True, False)


@pytest.mark.parametrize("words", [("plan",), ("status",), ("pause", "his"), ("delete", "his", "--yes")])
def test_a_path_that_connect_does_not_have_is_no_missing_connector(stack, changed, yibao, words):
    """Connect answers 404 to both. `plan` would say "create", and whoever believes it looks for the connector that is gone."""
    code, out, err = yibao("connector", *words, config=changed(connect={"url": f"{stack.connect_url}/connect"}))
    assert (3, True) == (code, f"{stack.connect_url}/connect/connectors: " in err)
    assert "path prefix" in err
    assert ("status" in words, False) == ("not known" in out and "deliver" in out, "connector apply" in out)


def test_stages_are_shown_while_connect_is_away(changed, yibao):
    """Whoever is called at night asks one command; what the brokers know does not depend on Connect."""
    code, out, err = yibao("connector", "status", "-o", "json", config=changed(connect={"url": "http://127.0.0.1:1"}))
    assert (3, True) == (code, "127.0.0.1:1" in err)
    told = json.loads(out)
    assert [("his", False, None, None)] == [
        (one["source"], one["connect_answers"], one["status"], one["remedy"]) for one in told["connectors"]
    ]
    assert ["place", "join", "deliver"] == [one["stage"] for one in told["stages"]]


def test_a_wrong_password_is_exit_code_2(changed, yibao, tmp_path):
    """Nothing is wrong with the network."""
    (tmp_path / "password").write_text("wrong")
    code, _, err = yibao("connector", "plan", config=changed(his={"password_file": str(tmp_path / "password")}))
    assert (code, "refuses the login" in err) == (2, True)


@pytest.mark.parametrize(
    ("folder", "line_end", "remedy"),
    [
        ("elsewhere", "", "config.providers.directory.param.allowed.paths"),
        ("secrets", "\n", "ends with a line break"),
    ],
)
def test_a_password_that_connect_does_not_read_as_we_do_stands_against_capture(
    stack, changed, yibao, tmp_path, *, folder, line_end, remedy
):
    """Our own login succeeds. Connect says "wrong password" of a file that it may not open, or of one that an editor wrote."""
    file = (stack.secrets if folder == "secrets" else tmp_path) / "as_written"
    file.write_text(f"{PASSWORD}{line_end}")
    config = changed(his={"password_file": str(file)})
    for verb in ("plan", "apply"):
        code, out, _ = yibao("connector", verb, "-o", "json", config=config)
        (found,) = blocking_findings(out).values()
        assert (code, found["where"], remedy in found["mend"]) == (1, "Kafka Connect", True)
        assert f"does not get into database {DATABASE}" in found["what"]
    code, out, _ = yibao("check", "--live", config=config)
    assert (code, remedy in out) == (1, True)
    assert yibao("check", config=config)[0] == 0, "without a word Connect is not asked"


def test_an_unknown_source_is_exit_code_2(site, yibao):
    """The names that exist are told."""
    code, _, err = yibao("connector", "restart", "hsi", config=site)
    assert (code, "it has his" in err) == (2, True)


def test_two_sources_that_share_numbers_stand_against_reporting(stack, site, yibao):
    """One database named twice, by a slip: every record of it would be reported by two captures that overwrite each other."""
    with superuser(stack, DATABASE) as connection:
        run_hospital(connection, Workload(visits=4, seed=3))
    document = yaml.safe_load(site.read_text(encoding="utf-8"))
    mapping = re.sub(r"\blookup: (\w+)", r"lookup: \1_again", (SAMPLE / "mapping.yaml").read_text(encoding="utf-8"))
    site.with_name("again.yaml").write_text(mapping, encoding="utf-8")
    twice = {"slot": "twice", "mapping": "again.yaml", "distinct_numbers": "so the site says, and it is not so"}
    document["sources"]["twice"] = document["sources"]["his"] | twice
    code, out, _ = yibao("check", "-o", "json", config=write(site.with_name("twice.yaml"), document))
    found = {one["where"]: one["what"] for one in json.loads(out)["findings"] if one["severity"] == "blocks"}
    wanted = {"twice: his.mz_zy_jz.yb_jzid", "twice: his.sf_jsjl.yb_jsid", "twice: his.sf_fymx.mxid"}
    assert (1, False, wanted) == (code, json.loads(out)["ok"], found.keys())
    assert "also stand in his: his.sf_fymx.mxid for the same institution" in found["twice: his.sf_fymx.mxid"]

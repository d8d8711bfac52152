"""`yibao topics` and `yibao connector` on the sample hospital, as an integrator types them."""

import json
import shutil
import sys
import time
from pathlib import Path

import psycopg
import pytest
import yaml

from streams.sandbox.hospital import create_schema
from yibao.main import run

pytestmark = pytest.mark.stack

SAMPLE = Path(__file__).parents[2] / "deploy" / "sites" / "sample"
DATABASE = "capture_command"
PASSWORD = "the-capture-password"


@pytest.fixture(scope="module")
def site(stack, tmp_path_factory):
    """The sample site on the run's stack, in a database, topics and a slot of its own."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    password = stack.secrets / DATABASE
    password.write_text(PASSWORD)
    with superuser(stack, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    with superuser(stack, DATABASE) as connection:
        create_schema(connection, password=PASSWORD, role=DATABASE)
    document = yaml.safe_load((folder / "site.yaml").read_text(encoding="utf-8"))
    document["kafka"] |= {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": "command.", "partitions": 3}
    document["connect"] = {"url": stack.connect_url}
    document["sources"]["his"] |= {
        "port": stack.postgres_port,
        "database": DATABASE,
        "user": DATABASE,
        "password_file": str(password),
        "slot": DATABASE,
    }
    yield write(folder / "site.yaml", document)
    with superuser(stack, "postgres") as connection:
        deadline = time.monotonic() + 30
        while connection.execute("SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = %s", (DATABASE,)).fetchone():
            assert time.monotonic() < deadline, "the connector does not let go of its slot"
            time.sleep(0.1)
        connection.execute(
            "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s",
            (DATABASE,),
        )
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        connection.execute(f"DROP ROLE {DATABASE}")


def superuser(stack, database):
    return psycopg.connect(host=stack.postgres_host, port=stack.postgres_port, user="postgres", dbname=database, autocommit=True)


def write(file, document):
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return file


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
    """The command line in this process: exit code, standard output, standard error."""

    def call(*words, config):
        monkeypatch.setattr(sys, "argv", ["yibao", *words, "-c", str(config)])
        with pytest.raises(SystemExit) as stopped:
            run()
        told = capsys.readouterr()
        assert PASSWORD not in told.out + told.err
        return stopped.value.code or 0, told.out, told.err

    return call


def test_from_nothing_to_a_running_capture(site, changed, yibao):
    """The way of an integrator, in the order of the manual, with the usual slips."""
    code, out, _ = yibao("connector", "plan", config=site)
    assert (code, "capture-his: create" in out) == (0, True)

    code, _, err = yibao("connector", "apply", config=site)
    assert (code, "yibao topics apply" in err) == (1, True)

    code, out, _ = yibao("topics", "plan", "-o", "json", config=site)
    assert (code, {topic["action"] for topic in json.loads(out)["topics"]}) == (0, {"create"})
    code, out, _ = yibao("topics", "apply", "-o", "json", config=site)
    assert (code, len(json.loads(out)["first_offsets"])) == (0, 6)
    code, out, _ = yibao("topics", "apply", "-o", "json", config=site)
    again = json.loads(out)
    assert (code, again["first_offsets"], {topic["action"] for topic in again["topics"]}) == (0, [], {"unchanged"})

    code, out, _ = yibao("connector", "apply", config=site)
    assert (code, "capture-his: create" in out) == (0, True)
    code, out, _ = yibao("connector", "apply", "-o", "json", config=site)
    assert (code, json.loads(out)["connectors"][0]["action"]) == (0, "unchanged")

    code, out, _ = yibao("connector", "status", "-o", "json", config=site)
    (state,) = json.loads(out)["connectors"]
    assert (code, state["status"]["state"], state["heartbeat_age_s"] < 60) == (0, "RUNNING", True)
    code, out, _ = yibao("connector", "status", config=site)
    assert (code, "RUNNING" in out) == (0, True)

    code, out, _ = yibao("connector", "plan", config=changed(his={"slot": "another_slot"}))
    assert (code, "loss: slot.name" in out) == (0, True)
    code, _, err = yibao("connector", "apply", config=changed(his={"slot": "another_slot"}))
    assert (code, "--accept-loss" in err) == (1, True)

    assert yibao("connector", "delete", "his", "--yes", config=site)[0] == 0
    assert yibao("connector", "status", config=site)[0] == 1


def test_what_stands_against_capture_is_shown_with_its_mend_and_exit_code_1(changed, yibao):
    """`plan` in a pipeline must fail where `apply` would."""
    code, out, _ = yibao("connector", "plan", config=changed(his={"publication": "absent"}))
    assert (code, 'CREATE PUBLICATION "absent" FOR TABLE' in out) == (1, True)
    code, out, _ = yibao("connector", "apply", "-o", "json", config=changed(his={"publication": "absent"}))
    assert (code, json.loads(out)["connectors"][0]["findings"][0]["where"]) == (1, "publication absent")


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


def test_a_wrong_password_is_exit_code_2(changed, yibao, tmp_path):
    """Nothing is wrong with the network."""
    (tmp_path / "password").write_text("wrong")
    code, _, err = yibao("connector", "plan", config=changed(his={"password_file": str(tmp_path / "password")}))
    assert (code, "refuses the login" in err) == (2, True)


def test_an_unknown_source_is_exit_code_2(site, yibao):
    """The names that exist are told."""
    code, _, err = yibao("connector", "restart", "hsi", config=site)
    assert (code, "it has his" in err) == (2, True)

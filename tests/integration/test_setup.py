"""The set-up of a checkout, with a Maven that does what a test says and no packages to fetch: what it leaves when it fails."""

import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from connector.profiles.postgresql.profile import PostgresqlProfile
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
PACKAGES = ("streams/__init__.py", "sandbox/__init__.py", "yibao/__init__.py", "sandbox/java.py")
NEEDED = (
    *("deploy/setup.py", "deploy/connect_plugin.py", "deploy/jars.py", "deploy/stack/pom.xml"),
    *("deploy/steps.py", "streams/errors.py", "yibao/outlets.py"),
)
(COMPILER,) = (ROOT / ".yibao" / "java" / "tools").glob("ecj-*.jar")
GOOD_MAVEN = f"""\
for word; do case $word in -Ddist=*) dist=${{word#-Ddist=}};; esac; done
mkdir -p "$dist/lib" "$dist/plugins/debezium-connector-postgres" "$dist/tools"
: > "$dist/lib/kafka_1.jar"
cp {shlex.quote(str(COMPILER))} "$dist/tools"
"""
NEWER = b"newer\n"
ITS_COMPILER = f"{hashlib.sha256(COMPILER.read_bytes()).hexdigest()}  tools/{COMPILER.name}\n"
ITS_JARS = f"{hashlib.sha256(b'').hexdigest()}  lib/kafka_1.jar\n{ITS_COMPILER}"
SOURCE = "package yibao.connect; final class Empty {}"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A checkout in an awkward path that needs no package and has its virtual environment already."""
    root = tmp_path_factory.mktemp("awkward") / "医院 it's #100% $HOME"
    root.mkdir()
    for name in (*NEEDED, *PACKAGES):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    (root / "requirements-dev.lock").write_text("# nothing\n")
    (root / "deploy" / "stack" / "jars.sha256").write_text(ITS_JARS)
    subprocess.run([sys.executable, "-m", "venv", root / ".venv"], check=True)
    return root


@pytest.fixture
def source(checkout):
    """The one source of its Connect plugin; the other tests do without, because compiling takes a second."""
    file = checkout / "deploy" / "connect-plugin" / "src" / "yibao" / "connect" / "Empty.java"
    file.parent.mkdir(parents=True)
    file.write_text(SOURCE)
    yield file
    shutil.rmtree(checkout / "deploy" / "connect-plugin")


@pytest.fixture
def set_up(checkout, tmp_path):
    """Starts the set-up with a Maven that runs a shell script."""

    def start(maven: str, *words: str, **environment: str) -> subprocess.Popen:
        program = tmp_path / "mvn"
        program.write_text(f"#!/bin/sh\n{maven}\n")
        program.chmod(0o755)
        shutil.rmtree(checkout / ".yibao" / "java", ignore_errors=True)
        env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", **environment}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([sys.executable, checkout / "deploy" / "setup.py", *words], env=env, text=True, **pipes)

    return start


def test_a_second_run_does_nothing_and_takes_no_second(set_up, checkout):
    """`make demo` and `make test` begin with it every time."""
    _, trouble = set_up(GOOD_MAVEN, PYTHONIOENCODING="ascii").communicate()
    again = subprocess.run([sys.executable, checkout / "deploy" / "setup.py"], capture_output=True, text=True, check=True)

    assert ("", "", True) == (trouble, again.stdout, (checkout / ".venv" / "bin" / "yibao").exists())


def test_the_checkout_is_found_from_anywhere_and_in_every_locale(set_up, checkout):
    """Python reads the file that names it in the encoding of the locale, and most paths here are Chinese."""
    set_up(GOOD_MAVEN).communicate()
    asked = [checkout / ".venv" / "bin" / "python", "-c", "import yibao, os; print(os.fsencode(yibao.__file__))"]
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    env.pop("PYTHONPATH", None)
    told = subprocess.run(asked, cwd="/", env=env, capture_output=True, text=True, check=True)

    assert (f"{os.fsencode(checkout / 'yibao' / '__init__.py')}\n", "") == (told.stdout, told.stderr)


def test_a_sound_environment_is_not_made_again(set_up, checkout):
    """Making it takes half a minute, at every change of a dependency."""
    set_up(GOOD_MAVEN).communicate()
    made = (checkout / ".venv" / "pyvenv.cfg").stat().st_mtime_ns
    (checkout / "requirements.lock").write_text("# nothing, differently\n")
    set_up(GOOD_MAVEN).communicate()

    assert made == (checkout / ".venv" / "pyvenv.cfg").stat().st_mtime_ns


@pytest.mark.usefixtures("source")
def test_the_connect_plugin_is_compiled_and_put_beside_debezium_and_the_same_every_time(set_up, checkout):
    """A production image is checked by the bytes of its files; a jar that differs with each build could not be."""
    jar = checkout / ".yibao" / "java" / "plugins" / "debezium-connector-postgres" / "yibao-connect-postgres.jar"
    made = []
    for _ in range(2):
        set_up(GOOD_MAVEN).communicate()
        made.append(jar.read_bytes())
    with zipfile.ZipFile(jar) as files:
        service = files.read("META-INF/services/org.apache.kafka.connect.source.SourceConnector")
        held = "yibao/connect/Empty.class" in files.namelist()

    assert (True, True, PostgresqlProfile.connector_class) == (made[0] == made[1], held, service.decode().strip())


def test_a_plugin_that_does_not_compile_stops_set_up_with_the_compilers_words(set_up, checkout, source):
    """Capture would otherwise start without it, or not at all, in front of a stranger."""
    source.write_text(SOURCE.replace("{}", "{ nonsense }"))
    run = set_up(GOOD_MAVEN)
    _, told = run.communicate()

    assert (1, True, False) == (run.returncode, "nonsense" in told, (checkout / ".yibao" / "java").exists())


def test_a_failed_fetch_says_what_where_and_how_to_go_on(set_up, checkout):
    """The person at the keyboard has never seen this project before."""
    run = set_up("echo 'Could not transfer artifact from the mirror'; exit 1")
    _, told = run.communicate()

    log = checkout / ".yibao" / "logs" / "setup-java.log"
    assert (1, True, True, True) == (run.returncode, "Could not transfer" in told, str(log) in told, "make setup" in told)


def test_a_fetch_that_claims_success_without_files_is_not_believed(set_up, checkout):
    """A stamp on nothing would make every later run fail in a stranger way."""
    run = set_up("exit 0")
    _, told = run.communicate()

    assert (1, True, False) == (run.returncode, "not complete" in told, (checkout / ".yibao" / "java").exists())


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ('echo tampered > "$dist/lib/kafka_1.jar"', "lib/kafka_1.jar: sha256 is "),
        ('echo beside > "$dist/lib/stranger.jar"', "lib/stranger.jar: nobody asked for it"),
        ('echo beside > "$dist/plugins/stranger.jar"', "plugins/stranger.jar: nobody asked for it"),
        ('mv "$dist/lib/kafka_1.jar" "$dist/lib/kafka_2.jar"', "lib/kafka_1.jar: missing"),
    ],
)
def test_a_jar_that_is_not_the_pinned_one_is_refused_by_name(set_up, checkout, more, fault):
    """A version in a pom does not say what is in the file; a mirror could hand out another, and it would run."""
    run = set_up(GOOD_MAVEN + more)
    _, told = run.communicate()

    assert (1, True, True) == (run.returncode, fault in told, "make setup" in told)
    assert not (checkout / ".yibao" / "java").exists()


def test_checksums_are_written_anew_only_when_that_is_asked_for(set_up, checkout):
    """After a change of the pom one command pins what it brings; a plain set-up never trusts what it finds."""
    pins = checkout / "deploy" / "stack" / "jars.sha256"
    newer = GOOD_MAVEN + 'echo newer > "$dist/lib/kafka_1.jar"'
    try:
        _, trouble = set_up(newer, "--pin-jars").communicate()
        assert ("", f"{hashlib.sha256(NEWER).hexdigest()}  lib/kafka_1.jar\n{ITS_COMPILER}") == (trouble, pins.read_text())
        assert "" == set_up(newer).communicate()[1]
    finally:
        pins.write_text(ITS_JARS)


def test_an_interrupted_fetch_is_done_again(set_up, checkout):
    """Ctrl-C during the download must not count as done, and leaves no Maven behind."""
    run = set_up("echo $$ > $PWD/maven.pid; exec sleep 60")
    deadline = time.monotonic() + PATIENCE_S
    while not ((pid := checkout / "maven.pid").exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=PATIENCE_S)

    assert (130, True, False) == (run.returncode, "interrupted" in told, Path(f"/proc/{pid.read_text().strip()}/cmdline").exists())
    assert "" == set_up(GOOD_MAVEN).communicate()[1]
    assert (checkout / ".yibao" / "java" / ".stamp").exists()


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_virtual_environment_of_ours_is_not_cleared(checkout, tmp_path, kind):
    """A link to an environment that other projects share, or a folder that only has the name: `venv --clear` would empty it."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "precious").touch()
    place = shared if kind == "folder" else tmp_path / "link"
    if kind == "link":
        (shared / "pyvenv.cfg").touch()
        place.symlink_to(shared)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import setup; from pathlib import Path\n"
        "setup.VENV = Path(sys.argv[2]); sys.exit(setup.main())"
    )
    told = subprocess.run([sys.executable, "-c", code, checkout / "deploy", place], capture_output=True, text=True, check=False)

    assert (1, True, True) == (told.returncode, "left as it is" in told.stderr, (shared / "precious").exists())


def test_a_path_that_cannot_be_told_to_java_is_refused_at_once(checkout):
    """Half a minute later the error would be another program's, and about something else."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import setup; setup.ROOT = setup.ROOT / 'a:b'; sys.exit(setup.main())"
    told = subprocess.run([sys.executable, "-c", code, checkout / "deploy"], capture_output=True, text=True, check=False)

    assert (2, True) == (told.returncode, "choose another directory" in told.stderr)


def test_without_root_a_missing_program_is_named_with_the_command_that_installs_it(checkout, tmp_path):
    """Set-up never asks for a password; it says what to type."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import setup, shutil, os\n"
        "setup.DIST = setup.STATE / 'none'; shutil.which = lambda name: None; os.geteuid = lambda: 1000\n"
        "sys.exit(setup.main())"
    )
    env = {**os.environ, "JAVA_HOME": ""}
    told = subprocess.run([sys.executable, "-c", code, checkout / "deploy"], capture_output=True, text=True, env=env, check=False)

    assert (2, True) == (told.returncode, "sudo apt-get install" in told.stderr and "maven" in told.stderr)

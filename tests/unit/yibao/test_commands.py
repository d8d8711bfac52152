"""All commands at once: what their help promises can be typed, and what is mistyped is answered with what was meant."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from streams.telemetry import events
from tests.unit.streams.mapping.test_our_words import FOREIGN
from yibao import main
from yibao.commands import Takes, tree
from yibao.supervisor import Supervisor

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "deploy" / "sites" / "sample" / "site.yaml"
WHOLE = main.build((), whole=True)
COMMANDS = {" ".join(command.words): command for command in tree(WHOLE)}


def examples(text):
    """The command lines under `Examples:`, without what stands behind them."""
    lines = text.partition("Examples:\n")[2].splitlines()
    return [re.split(r"\s{2,}", line.strip())[0] for line in lines if line.strip().startswith("yibao ")]


def fenced(page):
    """The command lines in the code blocks of a page."""
    blocks = re.findall(r"```\w*\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines() if line.startswith("yibao ")]


def parsed(line):
    """Whether it is a command line of ours: every word, option and value is taken."""
    command, (_, *words) = typer.main.get_command(WHOLE), shlex.split(line.partition(" > ")[0])
    while words and (below := getattr(command, "commands", {}).get(words[0])):
        command, words = below, words[1:]
    try:
        command.make_context("yibao", words, help_option_names=["-h", "--help"])
    except typer.Exit:  # of --help
        return True
    return not getattr(command, "commands", {})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples_that_can_be_typed(name, capsys):
    """Whoever is called at night copies a line. One of a verb of its own begins like the verb."""
    found = examples(COMMANDS[name].help)
    assert found
    assert [] == [line for line in found if not parsed(line)]
    begins = f"yibao {name}".strip()
    assert [] == [line for line in found if not f"{line} ".startswith(f"{begins} ")]


@pytest.mark.parametrize("page", ["README.md", "README.zh.md", *(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md"))])
def test_what_the_pages_tell_to_type_can_be_typed(page):
    """A page outlives the option that it names."""
    assert [] == [line for line in fenced(page) if not parsed(line)]


def test_h_is_help_everywhere(monkeypatch, capsys):
    """It is the first thing that a person tries."""
    for words in ((), ("connector",), ("connector", "plan")):
        assert (0, "") == typed(monkeypatch, capsys, *words, "-h")[::2]


def test_the_version_says_what_matters_when_a_worker_behaves_oddly(monkeypatch, capsys):
    """A report of a fault begins with it."""
    code, out, _ = typed(monkeypatch, capsys, "--version")
    assert 0 == code
    for named in (
        r"^yibao-cdc \d+\.\d+",
        r"^core: (Python, not compiled|compiled, of sources [0-9a-f]{12})$",
        r"^Python 3\.",
        r"^faust-streaming \d",
        r"^aiokafka \d",
        r"^OpenSSL 3\.\d+\.\d+ for SM2; \d",
    ):
        assert re.search(named, out, re.MULTILINE), out


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("dmeo", "did you mean `demo`?"),
        ("connector aply", "did you mean `apply`?"),
        ("check --ouput json", "did you mean `--output`?"),
        ("check --output jsn", "did you mean `json`?"),
        ("dlq list --class validtion", "did you mean `VALIDATION`?"),
        ("dlq list --service setl", "did you mean `setl_d`?"),
        ("stack status --service kafak", "did you mean `kafka`?"),
        ("demo --faults hostil", "did you mean `hostile`?"),
        ("connector -c site.yaml plan", "`yibao connector plan -c …`"),
        ("-c site.yaml check", "`yibao VERB -c …`"),
        ("--versoin", "did you mean `--version`?"),
        ("connector restart", "SOURCE is missing"),
        ("platform stats", "--url is missing"),
        ("check site.yaml", "`site.yaml` is more than `yibao check` takes"),
        ("check -o", "-o needs a value"),
        ("stack up --kafka-port none", "--kafka-port must be a whole number, and not `none`"),
        ("stack up --kafka-port 70000", "--kafka-port must be at most 65535"),
        ("demo --rate fast", "--rate must be a number"),
        ("hospital run --bad-share 2", "--bad-share must be at most 0.5"),
        ("demo --public-key nowhere.pem", "--public-key: file 'nowhere.pem' does not exist"),
    ],
)
def test_a_mistyped_line_is_answered_with_what_was_meant(monkeypatch, capsys, words, meant):
    """Exit code 2, one line that says what to type instead, and nothing of the libraries' own words."""
    code, out, err = typed(monkeypatch, capsys, *words.split())
    assert (2, "", True) == (code, out, err.startswith("error: "))
    assert meant in err
    assert not FOREIGN.search(err.splitlines()[0])


NAMING = [
    (words, option)
    for words, command in COMMANDS.items()
    for option in command.options
    if option.value.takes in (Takes.FILE, Takes.FOLDER)
]
NAMING += [
    (words, None)
    for words, command in COMMANDS.items()
    for argument in command.arguments
    if argument.takes in (Takes.FILE, Takes.FOLDER)
]


@pytest.mark.parametrize(("words", "option"), NAMING, ids=lambda one: one if isinstance(one, str) else one and one.names[0])
def test_an_empty_name_of_a_file_or_folder_is_a_usage_error(monkeypatch, capsys, tmp_path, words, option):
    """`--home "$UNSET"` in a script meant the current folder: its keys, its workers' files, its stack were put there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("YIBAO_CONFIG", raising=False)
    code, out, err = typed(monkeypatch, capsys, *words.split(), *([option.names[0]] if option else ()), "")

    assert (2, "", []) == (code, out, [*tmp_path.iterdir()])
    assert re.match(r"error: \S.*: an empty text names no (file|directory)\n", err), err


def test_an_empty_name_of_faults_is_none(monkeypatch, capsys):
    """It may be a profile's or a file's, and was taken for the current folder."""
    code, _, err = typed(monkeypatch, capsys, *f"platform serve --institutions {SAMPLE} --keys k --faults".split(), "")
    assert (2, True) == (code, "neither a profile" in err)


def test_a_name_that_the_site_does_not_have_is_answered_with_the_nearest(monkeypatch, capsys):
    """As for an option: the file is at hand."""
    code, _, err = typed(monkeypatch, capsys, "connector", "restart", "hsi", "-c", f"{SAMPLE}")
    assert (2, True) == (code, "did you mean `his`?" in err)


def typed(monkeypatch, capsys, *words):
    """Exit code, standard output and standard error of a command line."""
    monkeypatch.setattr(sys, "argv", ["yibao", *words])
    with pytest.raises(SystemExit) as ended:
        main.run()
    return ended.value.code or 0, *capsys.readouterr()


def test_whoever_interrupts_the_workers_is_told_that_nothing_is_lost(monkeypatch, capsys):
    """And does not look for what they left."""
    monkeypatch.setattr(Supervisor, "run", lambda _: 130)
    monkeypatch.setattr(events, "configure", lambda *_: None)  # for good, it would be
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, _, err = typed(monkeypatch, capsys, "worker", "all", "-c", f"{SAMPLE}")
    assert (130, True) == (code, err.startswith("interrupted: all work has stopped in order and nothing is lost"))


@pytest.mark.parametrize(
    ("ends", "left"), [("return 130", "all work has stopped in order"), ("raise KeyboardInterrupt", "nothing")]
)
def test_a_log_of_workers_is_one_to_its_last_line(ends, left):
    """A program that reads it line by line stumbled over the sentence at its end."""
    code = f"from yibao.main import run\nfrom yibao.supervisor import Supervisor\ndef end(_): {ends}\nSupervisor.run = end\nrun()"
    ended = subprocess.run([sys.executable, "-c", code, "worker", "all", "-c", SAMPLE], capture_output=True, text=True, check=False)
    *_, last = map(json.loads, ended.stderr.splitlines())
    assert (130, "program_interrupted", True) == (ended.returncode, last["event"], last["left"].startswith(left))


def test_a_command_that_only_asks_loads_nothing_of_the_stages():
    """Who asks at night waits for the imports, too: those of the stages are half of them."""
    verbs = ", ".join(f"yibao.verbs.{verb}" for verb in ("audit", "explain", "join", "lag", "limits", "pause", "topics"))
    code = f"import sys, {verbs}; print(*sorted({{'faust', 'aiohttp'}} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "" == done.stdout.strip()


@pytest.mark.parametrize("verb", ["dlq", "replay", "ready", "offsets", "join", "explain", "status", "lag"])
def test_what_only_asks_loads_no_stream_processor(verb):
    """It costs a second on a busy machine, before the first word of `--help`."""
    script = f"import sys; from yibao import main; main.build(['{verb}']); print({{'faust', 'mode'}} & {{*sys.modules}} or None)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "None" == done.stdout.strip()

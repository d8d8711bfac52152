"""The verbs that make, stop or erase a home, or write a file: what is not theirs is left as it is, with exit code 2."""

import sys

import pytest

from sandbox.hospital import Expected
from sandbox.own_folder import OwnFolder
from yibao.main import run


@pytest.fixture
def yibao(monkeypatch, capsys):
    """The command line in this process: exit code, standard error."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["yibao", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            run()
        return stopped.value.code or 0, capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    "words",
    [("demo",), ("demo", "--stop"), ("stack", "up"), ("stack", "down"), ("stack", "down", "--erase"), ("stack", "status")],
    ids=" ".join,
)
@pytest.mark.parametrize("way", ["named", "linked", "here"])
def test_a_directory_of_somebody_else_is_left_as_it_is(yibao, tmp_path, monkeypatch, words, way):
    """A slip in `--home` must cost an error and not a thesis."""
    foreign = tmp_path / "thesis"
    (foreign / "stack").mkdir(parents=True)
    (foreign / "stack" / "chapter").write_text("1")
    foreign.chmod(0o755)
    (tmp_path / "link").symlink_to(foreign)
    monkeypatch.chdir(foreign)
    code, told = yibao(*words, "--home", {"named": foreign, "linked": tmp_path / "link", "here": "."}[way])

    assert (2, True, True) == (code, f"{foreign} is not empty" in told, "Choose a new or an empty directory" in told)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert ["link", "thesis", "thesis/stack", "thesis/stack/chapter"] == left
    assert 0o755 == foreign.stat().st_mode & 0o777


@pytest.mark.parametrize("words", [("demo", "--stop"), ("stack", "down"), ("stack", "down", "--erase")], ids=" ".join)
@pytest.mark.parametrize("is_there", [False, True], ids=["missing", "empty"])
def test_a_home_in_which_nothing_was_ever_started_is_told_and_left(yibao, tmp_path, words, is_there):
    """Whoever mistypes `--home` believed that all had stopped; and an empty directory of somebody else was removed."""
    home = tmp_path / "hmoe"
    if is_there:
        home.mkdir()
        home.chmod(0o755)
    code, told = yibao(*words, "--home", home)

    assert (1, True) == (code, told.startswith(f"error: nothing runs in {home}, and no ")), told
    assert "--home" in told
    assert (is_there, [home] if is_there else []) == (home.exists(), [*tmp_path.rglob("*")])
    assert not is_there or 0o755 == home.stat().st_mode & 0o777


@pytest.mark.parametrize("kind", ["demo", "stack"])
def test_a_home_in_which_nothing_runs_any_more_is_told(yibao, tmp_path, kind):
    """It is no error, for what was asked for is so; but silence read like a stop."""
    OwnFolder(root=tmp_path / "home", kind=kind, holds=()).claim()
    words = {"demo": ("demo", "--stop"), "stack": ("stack", "down")}[kind]

    assert (0, f"nothing runs in {tmp_path / 'home'}\n") == yibao(*words, "--home", tmp_path / "home")


def test_what_somebody_put_into_a_home_is_named_before_anything_stops(yibao, tmp_path):
    """`--erase` is asked of the stack's data, and notes beside it are none."""
    home = tmp_path / "stack"
    (home / "run").mkdir(parents=True)
    (home / "run" / "lock").touch()
    (home / "ports.json").write_text("{}")
    assert 0 == yibao("stack", "down", "--home", home)[0], "a home of the version before"
    (home / "notes.txt").write_text("mine")
    code, told = yibao("stack", "down", "--erase", "--home", home)

    assert (2, True, True) == (code, "notes.txt" in told, (home / "ports.json").exists())
    (home / "notes.txt").unlink()
    assert (0, False) == (yibao("stack", "down", "--erase", "--home", home)[0], home.exists())


def test_expectations_never_replace_a_file_of_another_kind(yibao, tmp_path):
    """A slip in `--expected` must cost an error and not the file; expectations of an earlier run may go."""
    (tmp_path / "thesis.txt").write_text("chapter 1")
    ended = dict.fromkeys(("service", "institution", "key", "row_key", "visit_key"), "1")
    (tmp_path / "old.jsonl").write_bytes(Expected(**ended, outcome="accepted").line())
    (tmp_path / "old.jsonl").chmod(0o644)
    nowhere = ["hospital", "run", "--visits", "3", "--port", "1", "--expected"]
    code, told = yibao(*nowhere, tmp_path / "thesis.txt")

    assert (2, True, "chapter 1") == (code, "holds no expectations" in told, (tmp_path / "thesis.txt").read_text())
    assert 3 == yibao(*nowhere, tmp_path / "old.jsonl")[0]
    assert (0, 0o600) == ((tmp_path / "old.jsonl").stat().st_size, (tmp_path / "old.jsonl").stat().st_mode & 0o777)


UNTOLD = ["a\nb", "a\tb", "a\x7fb", "a\x85b", "a\u2028b"]
WHOLE = [(words, name) for words in ("demo", "stack up") for name in (*UNTOLD, "a,b", "a!")]


@pytest.mark.parametrize(("words", "name"), [*WHOLE, *(("stack up --service postgres", name) for name in UNTOLD)], ids=ascii)
def test_a_home_that_the_servers_cannot_be_told_is_refused_before_it_is_made(yibao, tmp_path, words, name):
    """It was found by `initdb` in the middle of the start, in words about something else, and half a home stayed."""
    code, told = yibao(*words.split(), "--home", tmp_path / name / "home")

    assert (2, True, []) == (code, told.endswith("; choose another directory\n"), [*tmp_path.iterdir()])
    assert 1 == len(told.splitlines()), told

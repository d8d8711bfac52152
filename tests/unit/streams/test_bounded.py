"""Files that people name are read within bounds: a wrong name is an error at once, and never a hang or a full memory."""

import os
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox.platform import read_institutions
from streams.bounded import NotText, demand_file, read_bounded, text_in
from streams.errors import Misconfigured
from streams.mapping import BadFiles, check_files
from streams.mapping.reading import read
from streams.mapping.secret_files import read_secret
from tests.unit.streams.mapping.test_files import MAPPING, SITE
from yibao.main import build

KIB = 1024
BOMB = "a0: &a0 [x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]\n" for n in range(1, 30))


@pytest.fixture
def pipe(tmp_path):
    """A named pipe that nobody writes into."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


@pytest.fixture
def sparse(tmp_path):
    """10 GiB that take no room."""
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(10 << 30)
    return path


def refusal(path, **bounds):
    with pytest.raises(OSError, match=r".") as refused:
        read_bounded(path, **{"most": KIB, **bounds})
    return refused.value.strerror


def test_what_is_no_file_is_refused_by_what_it_is(tmp_path, sparse):
    """`/dev/zero` has no end, and a disk's image fills the memory before anybody sees what was wrong."""
    assert "it is a device, and a file is wanted" == refusal(Path("/dev/zero"))
    assert "it is a directory, and a file is wanted" == refusal(tmp_path)
    assert "it holds more than 1 KiB, so it is not the file that is meant" == refusal(sparse)
    assert "No such file or directory" == refusal(tmp_path / "none")


def test_a_pipe_that_nobody_writes_into_is_not_waited_for_for_ever(pipe):
    """A worker that hangs at its start says nothing at all."""
    assert refusal(pipe, within_s=0.2).startswith("it is a pipe whose writer was not done within")


def test_a_writer_that_never_ends_is_not_waited_for_either(pipe):
    """Neither by time nor by size."""
    with os.fdopen(os.open(pipe, os.O_RDWR), "r+b", buffering=0) as writer:
        writer.write(b"x")
        assert refusal(pipe, within_s=0.2).startswith("it is a pipe whose writer was not done within")
        writer.write(b"x" * 2 * KIB)
        assert refusal(pipe).startswith("it holds more than 1 KiB")


def test_a_pipe_is_read_once_to_its_end(pipe):
    """`-c <(…)` of a shell is one; its writer may be slower than we are."""
    slow = threading.Timer(0.1, pipe.write_bytes, (b"site: x\n",))
    slow.start()
    assert b"site: x\n" == read_bounded(pipe, most=KIB)
    slow.join()


def test_a_library_opens_nothing_but_files(pipe, sparse):
    """OpenSSL and libpq open certificates by their name, and would wait on a pipe without a word."""
    for path in (pipe, sparse, Path("/dev/zero")):
        with pytest.raises(OSError, match=r"file"):
            demand_file(path, most=KIB)


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("口令".encode("utf-16"), None, "is UTF-16"),
        (b"a\nb\n\xbf\xda\xc1\xee\n", 3, "is not UTF-8 (GBK, perhaps)"),
        (b"a\n\0\n", 2, "holds a NUL character"),
    ],
)
def test_what_is_no_text_is_told_by_line(content, line, what):
    """Editors under Windows save as UTF-16 or GBK, and do not say so."""
    with pytest.raises(NotText, match=r".") as refused:
        text_in(content)
    assert (line, True) == (refused.value.line, f"{refused.value}".startswith(what))


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (BOMB, 10, "do aliases (*name) multiply?"),
        ("a: &a\n  b: [*a, *a, *a]\n", 1, "do aliases (*name) multiply?"),
        ("[" * 10_000, 1, "nesting depth"),
        ("- " * 10_000, 1, "nesting depth"),
        ("a: 1\nb: 2\na: 3\n", 3, "stands here for the second time"),
        ("a: 1\nb: \x07\n", 2, "the character U+0007 has no place in it"),
        ('a: 1\nb: "x\\0y"\n', 2, "holds a character that no value has"),
    ],
)
def test_yaml_that_nobody_wrote_is_one_problem_with_its_line(tmp_path, text, line, what):
    """A bomb of aliases takes all memory of the machine that checks a pull request; 10,000 brackets end the process."""
    file = tmp_path / "site.yaml"
    file.write_text(text, encoding="utf-8")
    [problem] = read(file).problems
    assert (line, True) == (problem.line, what in problem.what)


def test_yaml_with_a_byte_order_mark_is_yaml(tmp_path):
    """Windows' editor writes one."""
    (tmp_path / "site.yaml").write_text("a: 1\n", encoding="utf-8-sig")
    assert {"a": "1"} == read(tmp_path / "site.yaml").content


@pytest.mark.parametrize("text", [BOMB, "[" * 2_000, "a: [b, c]\n", "a: 1\nb: {\n"])
def test_the_simulators_institutions_are_read_within_bounds(tmp_path, text):
    """It reads YAML by another way, since it shares none with what it judges."""
    file = tmp_path / "institutions.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(Misconfigured, match=r"institutions.yaml"):
        read_institutions(file)


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xef\xbb\xbfpw\n", "byte-order mark"), ("pw".encode("utf-16"), "UTF-16")],
)
def test_a_password_that_cannot_be_one_is_told_with_its_setting(tmp_path, content, what):
    """Connect reads the same file byte by byte: a mark that we skip would lock it out, and us not."""
    (tmp_path / "pw").write_bytes(content)
    with pytest.raises(Misconfigured, match=f"{what}.*sources.his.password_file in site.yaml"):
        read_secret(tmp_path / "pw", setting="sources.his.password_file")


@pytest.fixture
def folder(tmp_path):
    """A site's folder with its mapping."""
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    return tmp_path


def test_a_site_from_a_pipe_counts_paths_from_where_one_stands(folder, monkeypatch):
    """`yibao check -c <(sed … site.yaml)`; it is read once although keys are checked, too."""
    monkeypatch.chdir(folder)
    reading, writing = os.pipe()
    os.write(writing, SITE.encode())
    os.close(writing)
    with pytest.raises(BadFiles) as bad:
        check_files(Path(f"/dev/fd/{reading}"))
    os.close(reading)
    assert {"sources.his.password_file", "institutions[0].public_key_file", "institutions[1].public_key_file"} == {
        problem.place for problem in bad.value.problems
    }
    assert f"{folder}/secrets/his.password cannot be read" in f"{bad.value}"


def test_a_supervisor_wants_a_file(pipe):
    """Workers that are started again at night would find the pipe empty."""
    arguments = ["worker", "all", "-c", f"{pipe}"]
    with pytest.raises(Misconfigured, match="is a pipe, which can be read once"):
        CliRunner().invoke(build(arguments), arguments, catch_exceptions=False)


def test_a_file_that_is_none_is_told_by_check_with_its_setting(folder, pipe, sparse):
    """What, where and how to mend, for each of them at once."""
    changes = (
        ("    password_file: secrets/his.password", f"    password_file: {sparse}\n    ca_file: {pipe}"),
        ("public_key_file: keys/p2.pem", "public_key_file: /dev/zero"),
        ("site: ", f"dictionaries: {folder}\nsite: "),
    )
    text = SITE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / "site.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadFiles) as bad:
        check_files(folder / "site.yaml")
    told = f"{bad.value}"
    for line in (
        f"sources.his.password_file: {sparse} cannot be read: it holds more than 64 KiB, so",
        f"sources.his.ca_file: {pipe} cannot be read: it is a pipe, and a file is wanted",
        "institutions[1].public_key_file: /dev/zero cannot be read: it is a device, and a file is wanted",
        f"dictionaries: {folder} cannot be read: it is a directory, and a file is wanted",
    ):
        assert line in told, told

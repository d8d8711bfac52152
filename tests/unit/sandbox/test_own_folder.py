"""A folder is emptied because a mark in it says that it is ours, never because somebody named it."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.own_folder import MARK, OwnFolder
from streams.errors import Misconfigured

HOLDS = ("data", "*.log")


def folder(root, **other):
    return OwnFolder(**{"root": root.resolve(), "kind": "stack", "holds": HOLDS, **other})


@pytest.fixture
def home(tmp_path):
    """A folder of ours with something in it."""
    ours = folder(tmp_path / "home")
    ours.claim()
    (ours.root / "data").mkdir()
    (ours.root / "data" / "rows").write_text("rows")
    return ours


def everything(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


@pytest.fixture
def foreign(tmp_path):
    """Somebody's folder, with a name in it that we use as well."""
    (tmp_path / "thesis" / "data").mkdir(parents=True)
    (tmp_path / "thesis" / "data" / "chapter").write_text("1")
    return tmp_path / "thesis"


@pytest.mark.parametrize("named", ["plain", "link", "dots", "cwd", "above"])
@pytest.mark.parametrize("act", ["claim", "empty", "remove"])
def test_a_folder_without_our_mark_is_left_as_it_is(foreign, tmp_path, monkeypatch, named, act):
    """However somebody came to name it: by a link, by `.`, or as the folder in which a home of ours lies."""
    (tmp_path / "link").symlink_to(foreign)
    monkeypatch.chdir(foreign)
    if named == "above":
        folder(foreign / "home").claim()
    names = {"link": tmp_path / "link", "dots": foreign / "data" / "..", "cwd": Path()}
    before = everything(tmp_path)

    with pytest.raises(Misconfigured, match="left as it is"):
        getattr(folder(names.get(named, foreign)), act)()

    assert before == everything(tmp_path)


@pytest.mark.parametrize("place", [Path("/"), Path("/usr"), Path("/tmp")])
def test_places_of_the_machine_are_not_ours(place):
    """`--home /` is a slip of the keyboard."""
    with pytest.raises(Misconfigured):
        folder(place).demand_ours()


def test_what_is_new_empty_or_ours_is_taken_and_emptied(home, tmp_path):
    """A demonstration begins from nothing every time, and the folder itself may be a mount point or where somebody stands."""
    (tmp_path / "empty").mkdir()
    folder(tmp_path / "empty").claim()
    home.empty()

    assert ([MARK], [MARK]) == (everything(home.root), everything(tmp_path / "empty"))
    home.remove()
    assert not home.root.exists()


def test_two_that_begin_at_the_same_moment_share_the_folder(tmp_path):
    """Two terminals, or a test run beside a demonstration: the second must not take the half-made folder for somebody's."""
    ours = folder(tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            list(pool.map(lambda _: ours.claim(), range(8)))
            assert [MARK] == everything(ours.root)
            ours.remove()


def test_the_directory_in_which_somebody_stands_is_emptied_and_stays(home, monkeypatch):
    """A shell in a directory that was removed finds nothing any more, not even what is made there anew."""
    monkeypatch.chdir(home.root)
    home.remove()

    assert [] == everything(home.root)


def test_a_copy_is_not_ours_although_it_has_the_mark(home, tmp_path):
    """Who copies a home wants to keep it. Its records name the programs of the first."""
    subprocess.run(["cp", "-r", home.root, tmp_path / "kept"], check=True)
    (tmp_path / "thesis").mkdir()
    subprocess.run(["cp", "-r", f"{home.root}/.", tmp_path / "thesis"], check=True)

    for copy in (tmp_path / "kept", tmp_path / "thesis"):
        with pytest.raises(Misconfigured, match=f"has the mark of {home.root}"):
            folder(copy).empty()
        assert "data/rows" in everything(copy)


def test_a_home_that_was_moved_is_ours_where_it_is_now(home, tmp_path):
    """A checkout is renamed, and its homes with it. A copy put back to where the first was is ours by its place."""
    moved = folder(home.root.rename(tmp_path / "moved"))
    moved.claim()
    shutil.copytree(moved.root, tmp_path / "other")
    shutil.rmtree(moved.root)
    (tmp_path / "other").rename(moved.root)
    moved.empty()

    assert [MARK] == everything(moved.root)


def test_what_somebody_put_into_our_folder_is_named_and_nothing_is_removed(home):
    """Notes on what a demonstration showed belong to whoever wrote them."""
    (home.root / "notes.txt").write_text("the fee of bed 4 is wrong")
    before = everything(home.root)

    with pytest.raises(Misconfigured, match=r"holds what is not ours: notes\.txt"):
        home.empty()

    assert before == everything(home.root)


def test_links_go_and_what_they_point_to_stays(home, foreign):
    """A folder was put on a larger disk, or a server made a link: what lies elsewhere is not known to be ours."""
    (home.root / "x.log").symlink_to(foreign)
    (home.root / "data" / "inside").symlink_to(foreign)
    home.remove()

    assert (False, ["data", "data/chapter"]) == (home.root.exists(), everything(foreign))


def test_the_home_of_something_else_is_refused(home):
    """`yibao stack down --erase --home .yibao/demo` would take the demonstration's files for the stack's."""
    with pytest.raises(Misconfigured, match="is the home of a stack, not of a demo"):
        folder(home.root, kind="demo").empty()


def test_a_home_of_the_version_before_is_known_by_its_files(tmp_path):
    """It set no mark. Nothing but our names, and files that nobody else has: then it is marked and used on."""
    old = tmp_path / "old"
    (old / "data").mkdir(parents=True)
    (old / "ports.log").write_text("{}")
    with pytest.raises(Misconfigured):
        folder(old).claim()
    ours = folder(old, known_by=("ports.log",))
    ours.claim()
    assert {MARK, "data", "ports.log"} == set(everything(old))

    (old / MARK).unlink()
    (old / "thesis.tex").touch()
    with pytest.raises(Misconfigured, match="nothing says that we made it"):
        ours.claim()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts, and gives files away")
def test_what_is_mounted_inside_and_what_another_account_owns_is_refused(home):
    """A volume in a container, or a directory of the machine that was bound there, is emptied through its mount point."""
    inside = home.root / "data" / "a volume"
    inside.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", inside], check=False, capture_output=True).returncode == 0:
        try:
            (inside / "rows").touch()
            with pytest.raises(Misconfigured, match="is mounted in"):
                home.empty()
            assert (inside / "rows").exists()
        finally:
            subprocess.run(["umount", inside], check=True)

    os.chown(home.root, 65534, 65534)
    with pytest.raises(Misconfigured, match="belongs to another account"):
        home.empty()
    assert (home.root / "data" / "rows").exists()


def test_an_empty_folder_that_we_did_not_make_stays(tmp_path):
    """It is somebody's, who may be about to put something into it."""
    (tmp_path / "mount").mkdir()
    folder(tmp_path / "mount").remove()

    assert (tmp_path / "mount").is_dir()

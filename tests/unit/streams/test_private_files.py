"""What is kept on a disk may tell of patients: only the account that wrote it may read it, whatever its umask was."""

import os
import stat

import pytest

from streams.errors import Misconfigured
from streams.private_files import let_through, open_private, private_folder, write_private

ANOTHER = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def umask():
    """Sets the umask; it is put back afterwards."""
    before = os.umask(0o022)
    os.umask(before)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_what_is_made_has_our_modes_whatever_the_umask_is(tmp_path, umask, mask):
    """A service manager, a container or a login shell each set another one."""
    umask(mask)
    private_folder(tmp_path / "a" / "b")
    with open_private(tmp_path / "a" / "log", "ab") as log:
        log.write(b"1\n")
    write_private(tmp_path / "a" / "b" / "whole", "1\n")

    made = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "log", tmp_path / "a" / "b" / "whole"]
    umask(0o022)
    assert [0o700, 0o700, 0o600, 0o600] == [mode(path) for path in made]


def test_a_folder_of_ours_that_is_too_open_is_closed_with_all_in_it(tmp_path):
    """The version before left it to the umask; what it wrote is as personal. What a link points to is not ours to change."""
    outside = tmp_path / "outside"
    outside.write_text("a person's")
    outside.chmod(0o644)
    home = tmp_path / "home"
    (home / "state").mkdir(parents=True)
    (home / "state" / "000001.sst").write_text("a visit")
    (home / "link").symlink_to(outside)
    for path, open_mode in ((home, 0o777), (home / "state", 0o755), (home / "state" / "000001.sst", 0o664)):
        path.chmod(open_mode)

    private_folder(home)

    found = [mode(path) for path in (home, home / "state", home / "state" / "000001.sst", outside)]
    assert [0o700, 0o700, 0o600, 0o644] == found


def test_a_file_of_ours_that_is_too_open_is_closed_before_it_is_written(tmp_path):
    """Somebody made it by hand, with `touch`."""
    file = tmp_path / "expected.jsonl"
    file.write_text("old\n")
    file.chmod(0o666)
    with open_private(file, "wb") as opened:
        assert (0o600, 0) == (mode(file), file.stat().st_size)
        opened.write(b"new\n")

    assert "new\n" == file.read_text()


@AS_ROOT
@pytest.mark.parametrize("use", [private_folder, lambda path: open_private(path / "file", "wb")])
def test_what_belongs_to_another_account_is_refused_and_left_as_it_is(tmp_path, use):
    """Its owner would read all that is written there. Under root no permission stands against it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "file").write_text("precious")
    for path in (home, home / "file"):
        os.chown(path, ANOTHER, ANOTHER)
        path.chmod(0o755)

    with pytest.raises(Misconfigured, match=f"belongs to another account .user id {ANOTHER}"):
        use(home)

    assert ("precious", 0o755, 0o755) == ((home / "file").read_text(), mode(home), mode(home / "file"))


@AS_ROOT
def test_a_folder_that_lets_one_group_through_stays_so(tmp_path):
    """PostgreSQL runs as another account under root; the next start must not shut it out, nor let anybody list the folder."""
    private_folder(tmp_path / "home")
    let_through(tmp_path / "home", ANOTHER)
    private_folder(tmp_path / "home")

    assert (0o710, ANOTHER) == (mode(tmp_path / "home"), (tmp_path / "home").stat().st_gid)

"""How far a run is, as the file beside its plan says it."""

import pytest

from yibao.replaying.running import Progress


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b'{"a": 1}', b"[1, 2]", b'["5f', b"null"])
def test_a_damaged_file_says_that_nothing_was_sent(tmp_path, content):
    """A full disk, or an editor. An order that comes twice does no harm; a run that ends with a traceback helps nobody."""
    plan = tmp_path / "night.plan"
    plan.with_name("night.plan.progress").write_bytes(content)
    assert set() == Progress.of(plan).sent


def test_what_was_sent_is_found_again(tmp_path):
    """After kill -9."""
    progress = Progress.of(tmp_path / "night.plan")
    progress.sent |= {"5f", "a0"}
    progress.save()
    assert {"5f", "a0"} == Progress.of(tmp_path / "night.plan").sent

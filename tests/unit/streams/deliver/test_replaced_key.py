"""A wrong key is mended by replacing its file, as whoever mounts secrets does: a restart would stop every other one, too."""

import pytest
from structlog.testing import capture_logs

from streams.bounded import KEY_BYTES, read_bounded
from streams.deliver.replaced_key import ReplacedKey
from streams.errors import Misconfigured
from streams.seal import Encoding, SealBroken, Sealer, generate_key_pair, key_text, open_sealed, parse_public_key

PLAIN = b'[{"a":"1"}]'


class Disk:
    """A key file as Kubernetes mounts it: a link that is turned to another file."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "key.pub"
        self.times_read = 0

    def put(self, content):
        fresh = self.folder / f"fresh-{len(list(self.folder.iterdir()))}"
        fresh.write_text(content)
        link = self.folder / "link"
        link.symlink_to(fresh)
        link.replace(self.file)

    def read(self):
        self.times_read += 1
        try:
            key = parse_public_key(key_text(read_bounded(self.file, most=KEY_BYTES)))
        except OSError as exc:
            raise Misconfigured(f"{exc}") from exc
        return Sealer(key, Encoding()), key.fingerprint


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path)


def seal_on(disk):
    return ReplacedKey(disk.file, disk.read, institution="H36110200001")


def test_the_next_batch_is_sealed_under_the_key_that_replaced_the_one_before(disk):
    """And the file is read when it is another one, not for every batch: a read and a parse would cost more than the seal."""
    wrong, right = generate_key_pair(), generate_key_pair()
    disk.put(wrong.public.hex)
    seal = seal_on(disk)
    sealed = [seal.seal(PLAIN), seal.seal(PLAIN)]
    disk.put(right.public.hex)
    with capture_logs() as logs:
        sealed += [seal.seal(PLAIN), seal.seal(PLAIN)]
    opened = [open_sealed(pair, text, Encoding()) for pair, text in zip([wrong, wrong, right, right], sealed, strict=True)]
    assert ([PLAIN] * 4, 2) == (opened, disk.times_read)
    with pytest.raises(SealBroken):
        open_sealed(wrong, sealed[-1], Encoding())
    assert [("key_replaced", wrong.public.fingerprint, right.public.fingerprint)] == [
        (log["event"], log["before"], log["fingerprint"]) for log in logs
    ]


def test_a_file_that_holds_no_key_leaves_the_one_before_in_force_and_is_told_once(disk):
    """Half of a file that is being written must not stop a hospital; the whole of it is taken a moment later."""
    first, second = generate_key_pair(), generate_key_pair()
    disk.put(first.public.hex)
    seal = seal_on(disk)
    disk.put(second.public.hex[:40])
    with capture_logs() as logs:
        assert [PLAIN] * 2 == [open_sealed(first, seal.seal(PLAIN), Encoding()) for _ in range(2)]
    assert ["key_refused"] == [log["event"] for log in logs]
    disk.file.unlink()
    with capture_logs() as logs:
        assert [PLAIN] * 2 == [open_sealed(first, seal.seal(PLAIN), Encoding()) for _ in range(2)]
    assert ["key_refused"] == [log["event"] for log in logs]
    disk.put(second.public.hex)
    assert PLAIN == open_sealed(second, seal.seal(PLAIN), Encoding())


def test_without_a_key_from_the_start_nothing_is_sealed_until_the_file_is_mended(disk):
    """A worker that was killed while one hospital's file was broken must begin again for all the others."""
    pair = generate_key_pair()
    disk.put("no key")
    seal = seal_on(disk)
    assert seal.fault is not None
    for _ in range(2):
        with pytest.raises(Misconfigured):
            seal.seal(PLAIN)
    disk.put(pair.public.hex)
    assert PLAIN == open_sealed(pair, seal.seal(PLAIN), Encoding())
    assert (None, 2) == (seal.fault, disk.times_read)

"""MySQL's server for its proof, from Debian's unstable distribution, which alone has it: unpacked in `.yibao/mysql` with everything
that it links to, its own C library too. Nothing is installed, and the system's own list of packages stays as it is.

Run by `make mysql-proof`, and by nothing else. Debian's signature is checked by apt, each package against
deploy/stack/databases/mysql.sha256. That distribution moves: where it has other versions by now, `--pin-server` takes these and
writes their checksums there. Exit codes: 0 done, 1 a step failed.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from deploy.steps import ROOT, StepFailed, digest, is_stamped, run, timed, write_whole

PINS = ROOT / "deploy" / "stack" / "databases" / "mysql.sha256"
PLACE = ROOT / ".yibao" / "mysql"
LOG = ROOT / ".yibao" / "logs" / "mysql-apt.log"
_SERVER = "mysql-server-core"
_NOT_NEEDED = "perl", "libperl"
_MEND = "mend: check that apt-get reaches Debian's packages; where versions moved: deploy/mysql_server.py --pin-server"


def fetch(*, pin: bool) -> None:
    """Put the server in place, in one move. Raises StepFailed."""
    key = digest(PINS.read_bytes() if PINS.is_file() else b"")
    if is_stamped(PLACE / ".stamp", key) and not pin:
        return
    LOG.unlink(missing_ok=True)
    fresh = PLACE.with_name("mysql.new")
    shutil.rmtree(fresh, ignore_errors=True)
    with timed(f"{_SERVER} of Debian unstable"):
        packages = _downloaded(fresh / "apt")
        found = "".join(f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in packages)
        if pin:
            write_whole(PINS, found)
        elif found != PINS.read_text("utf-8"):
            moved = sorted({*found.splitlines()} ^ {*PINS.read_text("utf-8").splitlines()})
            raise StepFailed(f"what apt-get brings is not what {PINS.name} names:\n  " + "\n  ".join(moved[:6]) + f"\n{_MEND}")
        for package in packages:
            if not package.name.startswith(_NOT_NEEDED):
                run("dpkg-deb", ["dpkg-deb", "-x", package, fresh / "root"], log=LOG, mend=_MEND)
        shutil.rmtree(PLACE, ignore_errors=True)
        (fresh / "root").rename(PLACE)
        shutil.rmtree(fresh)
        write_whole(PLACE / ".stamp", digest(PINS.read_bytes()))


def _downloaded(apt: Path) -> list[Path]:
    """The packages of the server and of all that it needs, as if nothing were installed."""
    for folder in ("state/lists/partial", "cache/archives/partial", "parts"):
        (apt / folder).mkdir(parents=True)
    (apt / "state" / "status").touch()
    (apt / "sources.list").write_text(f"deb {_archive()} sid main\n", "utf-8")
    options = [
        *("-o", f"Dir::State={apt}/state", "-o", f"Dir::State::status={apt}/state/status", "-o", f"Dir::Cache={apt}/cache"),
        *("-o", f"Dir::Etc::sourcelist={apt}/sources.list", "-o", f"Dir::Etc::sourceparts={apt}/parts"),
        *("-o", "APT::Sandbox::User=root", "-y", "--no-install-recommends"),
    ]
    run("apt-get update", ["apt-get", *options, "update"], log=LOG, mend=_MEND)
    run("apt-get install", ["apt-get", *options, "--download-only", "install", _SERVER], log=LOG, mend=_MEND)
    return sorted((apt / "cache" / "archives").glob("*.deb"))


def _archive() -> str:
    """Where this machine has Debian's packages from."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    for address in subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split():
        if "security" not in address:
            return address
    raise StepFailed(f"apt-get knows no archive of Debian's here: this proof needs Debian\n{_MEND}")


def main(words: list[str]) -> int:
    try:
        fetch(pin="--pin-server" in words)
    except (StepFailed, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

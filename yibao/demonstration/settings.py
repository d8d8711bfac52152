"""What a demonstration is asked to do."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.own_folder import OwnFolder
from sandbox.stack.service import CHECKOUT
from yibao.demonstration.words import WORDS, Language, Words

HOME = CHECKOUT / ".yibao" / "demo"
SAMPLE = CHECKOUT / "deploy" / "sites" / "sample"
_HOLDS = ("stack", "logs", "pids", "site", "keys", "expected.jsonl", "journal.jsonl")
_KNOWN_BY = ("stack/ports.json", "stack/run/lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """One demonstration."""

    visits: int
    """Visits of the sample hospital, a third of them before capture begins."""
    seed: int
    """Chooses the hospital's days and the platform's faults."""
    rate: float
    """Changes a second while the hospital is live."""
    faults: str = "demo"
    """A mix of the simulator's faults."""
    home: Path = HOME
    """Folder of all its files; emptied at its start."""
    platform_url: str | None = None
    """A platform of one's own instead of the simulator."""
    public_key: Path | None = None
    """File with the key that this platform opens with."""
    keep: bool = False
    """Leave everything running."""
    language: Language = Language.EN
    """Language of what it says."""

    @property
    def words(self) -> Words:
        """What is said, in its language."""
        return WORDS[self.language]

    @property
    def folder(self) -> OwnFolder:
        """The home as a folder that may be emptied: everything that a demonstration puts into it."""
        return OwnFolder(root=self.home.resolve(), kind="demo", holds=_HOLDS, known_by=_KNOWN_BY)

    @property
    def before(self) -> int:
        """Visits that stand in the database when capture begins: the snapshot."""
        return self.visits // 3

    @property
    def site_file(self) -> Path:
        return self.home / "site" / "site.yaml"

    @property
    def expected_file(self) -> Path:
        return self.home / "expected.jsonl"

    @property
    def journal_file(self) -> Path:
        return self.home / "journal.jsonl"

"""What the simulator is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import yaml

from sandbox.platform.answers import Shape
from sandbox.platform.faults import PROFILES, Fault
from streams.bounded import LIST_BYTES, TEXT_BYTES, NotText, read_bounded, text_in
from streams.errors import Misconfigured
from streams.seal import Encoding
from streams.spec.dictionaries import Dictionary, load_dictionaries
from streams.spec.fields import ServiceCode
from streams.spec.infno import ALTERNATIVES
from streams.wording import nearest

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformSettings:
    """What a simulated platform is started with."""

    institutions: Mapping[str, str]
    """Registered name by code."""
    keys: Path
    """Folder of `<code>.key` (kept private) and `<code>.pub` (for the sender), made where they are missing."""
    private_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Keys in hex, by institution, that are taken instead of the folder's."""
    encoding: Encoding = field(default_factory=Encoding)
    """The only form of ciphertext that it accepts."""
    plain_allowed: bool = False
    """Whether `data` may be the JSON array itself."""
    host: str = _LOOPBACK
    """Address to listen on."""
    port: int = 0
    """0: a free one."""
    seed: int = 0
    """Decides which requests the faults strike, and which keys are refused."""
    faults: str | tuple[Fault, ...] = "none"
    """A profile's name, or faults."""
    frozen_items: frozenset[str] = frozenset()
    """HILIST_CODEs that are refused (40000)."""
    refuse_percent: float = 0.0
    """Share of record keys that are refused (40000), from 0 to 100."""
    total_tolerance: Decimal = Decimal("0.01")
    """How far a line total may be from quantity times price before it is refused (40000)."""
    refuse_orphans: bool = False
    """Whether a record is refused (40000) whose visit or settlement was never accepted."""
    anonymous_refusals: bool = True
    """Whether a refusal never says which record is meant."""
    remember_refused: bool = False
    """Whether a refused msgid answers 40005 from then on; otherwise it is judged anew."""
    forget_accepted_after_s: float | None = None
    """After so long an accepted msgid may be used again; None: never."""
    journal: Path | None = None
    """File of accepted records, which outlives a crash; None: in memory only."""
    shape: Shape = field(default_factory=Shape)
    """How answers are written."""
    msgid_chars: int = 32
    """32, or 36."""
    infno: Mapping[ServiceCode, frozenset[str]] = field(
        default_factory=lambda: {service: frozenset(numbers) for service, numbers in ALTERNATIVES.items()}
    )
    """Business numbers that a service may have."""
    dictionaries: Path | None = None
    """File with the value lists of a site; None: the built-in ones."""
    opener_processes: int = 0
    """Processes that decrypt; 0: one thread of this process."""

    def fault_list(self) -> tuple[Fault, ...]:
        """The faults to start with. Raises Misconfigured for an unknown profile."""
        return fault_profile(self.faults) if isinstance(self.faults, str) else self.faults

    def value_lists(self) -> Mapping[str, Dictionary]:
        """The interface's value lists with the site's in their place. Raises Misconfigured for a file that holds none."""
        if self.dictionaries is None:
            return load_dictionaries()
        return load_dictionaries(_text(self.dictionaries, "dictionaries", most=LIST_BYTES), where=str(self.dictionaries))


def fault_profile(name: str) -> tuple[Fault, ...]:
    """The faults of a named mix. Raises Misconfigured with the names there are."""
    if name not in PROFILES:
        raise Misconfigured(f"fault profile `{name}` is unknown{nearest(name, PROFILES)}; use one of {', '.join(PROFILES)}")
    return PROFILES[name]


def read_institutions(path: Path) -> dict[str, str]:
    """Code to name from a YAML or JSON file: a mapping `code: name`, or a list of `{code, name}`, alone or under `institutions`.

    Raises Misconfigured, naming the entry.
    """
    text = _text(path, "institutions", most=TEXT_BYTES)
    try:
        document: object = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        line = f":{error.problem_mark.line + 1}" if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark else ""
        raise Misconfigured(f"{path}{line}: neither YAML nor JSON; write one `code: name` a line") from error
    if isinstance(document, dict) and "institutions" in document:
        document = document["institutions"]
    found: dict[str, str] = {}
    match document:
        case dict() if not any(isinstance(name, list | dict | set) for name in document.values()):
            found = {str(code): str(name) for code, name in document.items()}
        case list():
            for number, entry in enumerate(document, start=1):
                match entry:
                    case {"code": str(code), "name": str(name)}:
                        found[code] = name
                    case _:
                        raise Misconfigured(f"{path}: institution {number} needs `code` and `name`, both text")
        case _:
            pass  # an empty file, or one word: no institutions, as is said below
    if not found:
        raise Misconfigured(f"{path}: no institutions; write one `code: name` a line")
    return found


def _text(path: Path, what: str, *, most: int) -> str:
    try:
        return text_in(read_bounded(path, most=most))
    except OSError as error:
        raise Misconfigured(f"{path}: {what} cannot be read ({error.strerror}); correct the path") from error
    except NotText as error:
        raise Misconfigured(f"{path}{f':{error.line}' if error.line else ''}: {error}") from error

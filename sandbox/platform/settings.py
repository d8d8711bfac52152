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
    """A platform.

    institutions: code to registered name. keys: folder of `<code>.key` (kept private) and `<code>.pub` (for the sender), made where
    missing. private_keys: hex keys by institution that win over the folder's. encoding: the ciphertext form it accepts, no other.
    plain_allowed: `data` may be the JSON array itself. port 0: a free one. faults: a profile's name or faults; seed decides which
    requests they strike. frozen_items, refuse_percent, total_tolerance: business rules (40000). anonymous_refusals: a refusal never
    says which record. remember_refused: a refused msgid answers 40005 from then on (default: it is judged anew).
    forget_accepted_after_s: an accepted msgid may be used again after so long (default: never). journal: a file that outlives a
    crash. shape: how answers are written. msgid_chars: 32, or 36. infno: business numbers by service. dictionaries: the value
    lists of a site. opener_processes: processes that decrypt; 0 decrypts in one thread of this process.
    """

    institutions: Mapping[str, str]
    keys: Path
    private_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    encoding: Encoding = field(default_factory=Encoding)
    plain_allowed: bool = False
    host: str = _LOOPBACK
    port: int = 0
    seed: int = 0
    faults: str | tuple[Fault, ...] = "none"
    frozen_items: frozenset[str] = frozenset()
    refuse_percent: float = 0.0
    total_tolerance: Decimal = Decimal("0.01")
    anonymous_refusals: bool = True
    remember_refused: bool = False
    forget_accepted_after_s: float | None = None
    journal: Path | None = None
    shape: Shape = field(default_factory=Shape)
    msgid_chars: int = 32
    infno: Mapping[ServiceCode, frozenset[str]] = field(
        default_factory=lambda: {service: frozenset(numbers) for service, numbers in ALTERNATIVES.items()}
    )
    dictionaries: Path | None = None
    opener_processes: int = 0

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

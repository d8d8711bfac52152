"""How the records of a workload must end, and the file that says so, a line a record."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import orjson

from sandbox.hospital.reports import Fields

_LONGEST_LINE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How one interface record must end."""

    service: str
    """Code of the service."""
    institution: str
    """FIXMEDINS_CODE; `""` where the row names none."""
    key: str
    """Value of the service's key field."""
    row_key: str
    """Key of its row in the database."""
    visit_key: str
    """`""` where the row has none."""
    outcome: str
    """accepted, refused, pending or withdrawn."""
    dead_class: str = ""
    """Class of its dead letter; `""` for none."""
    rule: str = ""
    """Rule of its dead letter; `""` for REJECTED, whose rule is the platform's. Of a pending record, what it waits for:
    UNSETTLED or PARENT_REFUSED.
    """
    versions: tuple[str, ...] = ()
    """Content hashes in the order of reporting; of a record that the platform refuses, those that it was shown."""
    fields: Fields = field(default_factory=dict)
    """Interface fields of the last version."""
    flaw: str = ""
    """What was wrong on purpose; `""` for nothing."""

    def line(self) -> bytes:
        """As a line of the file of expectations; `class` stands for `dead_class`."""
        document = asdict(self)
        document["class"] = document.pop("dead_class")
        return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def holds_expectations(file: Path) -> bool:
    """Whether a file is empty or begins with a whole line of expectations, so that it may be written anew."""
    with file.open("rb") as content:
        line = content.readline(_LONGEST_LINE)
    try:
        return not line or orjson.loads(line).keys() >= {"service", "row_key", "outcome", "class"}
    except (ValueError, AttributeError):
        return False

"""Who can mend a dead letter: the one table that the command line, the console and alerts route by."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from streams.domain.records import DeadLetter
from streams.domain.violations import DeadClass
from streams.spec.answers import REFUSING


class Owner(StrEnum):
    """CLERK: the insurance office, in the hospital system's data. IT: the hospital's integrators, in mapping and settings.
    VENDOR: whoever maintains this product or the hospital system. PLATFORM: the platform's people must say what they mean.
    """

    CLERK = "clerk"
    IT = "it"
    VENDOR = "vendor"
    PLATFORM = "platform"


OWNERS: Final[Mapping[DeadClass, Owner]] = {
    DeadClass.DECODE: Owner.VENDOR,
    DeadClass.SCHEMA_DRIFT: Owner.IT,
    DeadClass.JOIN_INCOMPLETE: Owner.CLERK,
    DeadClass.AMBIGUOUS: Owner.IT,
    DeadClass.COLLISION: Owner.IT,
    DeadClass.CORRECTION: Owner.CLERK,
    DeadClass.MAPPING: Owner.IT,
    DeadClass.DICTIONARY: Owner.IT,
    DeadClass.VALIDATION: Owner.CLERK,
    DeadClass.OVERSIZE: Owner.IT,
    DeadClass.ENCRYPT: Owner.IT,
    DeadClass.REJECTED: Owner.CLERK,
    DeadClass.WITHDRAWN: Owner.CLERK,
    DeadClass.INTERNAL: Owner.VENDOR,
}


OF_RULES: Final[Mapping[str, Owner]] = {"MISSING_LOOKUP": Owner.IT}
"""Rules whose letters somebody else mends than the rest of their class: that a table of reference lacks a row, or that capture has
not seen it, is nothing that a clerk can correct in a patient's record.
"""


def owner_of(letter: DeadLetter) -> Owner:
    """Who is asked first. A refusal under a code that the interface does not know (§3.2.4) is for the platform to explain."""
    if letter.dead_class is DeadClass.REJECTED and letter.platform_code not in REFUSING:
        return Owner.PLATFORM
    return OF_RULES.get(letter.rule, OWNERS[letter.dead_class])

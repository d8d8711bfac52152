"""To which other records a ready record belongs: a settlement to its visit, a fee line to its settlement and its visit (rule R24).

What they are is read from the record itself, as the platform reads it. That takes time, so it is asked only where a parent of the
same visit key is refused.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from streams.domain.ready import ALONE, REPORTED
from streams.domain.records import ReadyRecord
from streams.spec.fields import ServiceCode
from streams.spec.interface import SERVICES

_PARENTS: Final[Mapping[ServiceCode, tuple[ServiceCode, ...]]] = {
    ServiceCode.VISIT: (),
    ServiceCode.SETTLEMENT: (ServiceCode.VISIT,),
    ServiceCode.FEE: (ServiceCode.VISIT, ServiceCode.SETTLEMENT),
}


class Identity(NamedTuple):
    """What a record is to the platform, in all its versions."""

    institution: str
    service: ServiceCode
    key: str


def identity_of(record: ReadyRecord) -> Identity:
    """The record's own."""
    return Identity(record.institution, record.service, record.record_key)


def is_new_parent(record: ReadyRecord) -> bool:
    """Whether others may belong to the record, and no earlier version of it was handed to the deliver stage."""
    return record.service is not ServiceCode.FEE and REPORTED not in record.added


def parents_of(record: ReadyRecord) -> tuple[Identity, ...]:
    """What the record belongs to; nothing where its mapping lets it go alone."""
    if record.service is ServiceCode.VISIT or ALONE in record.added:
        return ()
    try:
        fields = orjson.loads(record.value)
    except orjson.JSONDecodeError:  # the platform cannot read it either, and refuses it
        return ()
    named = ((service, fields.get(SERVICES[service].key)) for service in _PARENTS[record.service])
    return tuple(Identity(record.institution, service, key) for service, key in named if isinstance(key, str))

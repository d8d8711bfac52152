"""Ready records and their batches, with everything that a test does not care about filled in."""

from streams.domain.batch.cut import Batch
from streams.domain.records import ReadyRecord
from streams.spec.fields import ServiceCode

HOSPITAL = "H36110200001"


def ready_record(number=1, **known):
    """A settlement's record; `known` replaces what matters to the test."""
    return ReadyRecord(
        **{
            "key": b"v1",
            "value": b"{}",
            "number": number,
            "offset": number,
            "partition": 0,
            "service": ServiceCode.SETTLEMENT,
            "institution": HOSPITAL,
            "infno": "2304",
            "record_key": f"S{number}",
            "content_hash": f"{number:032x}",
            "mapping_version": "m@1",
            "position": "0",
            "committed_at": 0,
            "captured_at": 0,
            "ready_at": 0,
            "business_day": "2024-05-01",
            "amount": "1.00",
            **known,
        }
    )


def batch_of(*records):
    """The records as one envelope's batch, the first of its plan."""
    first = records[0]
    return Batch(service=first.service, institution=first.institution, infno=first.infno, records=records, first=0)

"""A hospital to try things on: a database as hospital systems have them, its days, and what must be reported of them.

    create_schema(conn, password=...)                    schema, reference data, role and publication for capture
    workload = Workload(visits=200, seed=7)              its transactions, in the order of their commits
    oracle = Oracle(expectations.append, captured=True)  what must be reported, independent of the pipeline
    run(conn, workload, rate=200, on_commit=oracle.follow)

Rows that stand before capture begins: follow their transactions first, then `oracle.start_capture()`, then the others.
"""

from sandbox.hospital.catalogue import FROZEN_ITEMS, reference_rows
from sandbox.hospital.changes import Change, Transaction, Verb
from sandbox.hospital.database import Progress, create_schema, run
from sandbox.hospital.expected import Expected
from sandbox.hospital.flaws import SPOILERS
from sandbox.hospital.images import envelope, image
from sandbox.hospital.oracle import Oracle
from sandbox.hospital.workload import Workload

__all__ = [
    "FROZEN_ITEMS",
    "SPOILERS",
    "Change",
    "Expected",
    "Oracle",
    "Progress",
    "Transaction",
    "Verb",
    "Workload",
    "create_schema",
    "envelope",
    "image",
    "reference_rows",
    "run",
]

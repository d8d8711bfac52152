"""The embedded stack: PostgreSQL, Kafka and Kafka Connect for tests and the demonstration."""

from sandbox.stack.account import let_postgres_through
from sandbox.stack.lifecycle import OnProgress, Progress
from sandbox.stack.ports import Ports
from sandbox.stack.service import ServiceFailed
from sandbox.stack.stack import DEFAULT_HOME, SERVICES, Endpoints, ServiceStatus, Stack

__all__ = [
    "DEFAULT_HOME",
    "SERVICES",
    "Endpoints",
    "OnProgress",
    "Ports",
    "Progress",
    "ServiceFailed",
    "ServiceStatus",
    "Stack",
    "let_postgres_through",
]

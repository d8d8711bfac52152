"""The embedded stack: PostgreSQL, Kafka and Kafka Connect for tests and the demonstration."""

from streams.sandbox.stack.lifecycle import OnProgress, Progress
from streams.sandbox.stack.ports import Ports
from streams.sandbox.stack.service import ServiceFailed
from streams.sandbox.stack.stack import DEFAULT_HOME, SERVICES, Endpoints, ServiceStatus, Stack

__all__ = ["DEFAULT_HOME", "SERVICES", "Endpoints", "OnProgress", "Ports", "Progress", "ServiceFailed", "ServiceStatus", "Stack"]

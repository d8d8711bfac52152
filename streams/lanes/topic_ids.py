"""The ids of topics. A topic that was deleted and made anew under its name has another one; aiokafka does not ask for them.

Guarded by the pin of aiokafka: the request is built of its parts.
"""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, ClassVar, Final

from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from streams.lanes.pinned import require_versions

require_versions()

_METADATA: Final = 3
_WITH_IDS: Final = 10
_ID_BYTES: Final = 16
_NOBODY: Final = bytes(_ID_BYTES)
_TEXT: Final = CompactString("utf-8")


class _Id(AbstractType[bytes]):  # type: ignore[misc]  # aiokafka ships no types
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(_ID_BYTES)


class _Answer(Response):  # type: ignore[misc]
    API_KEY = _METADATA
    API_VERSION = _WITH_IDS
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(("node_id", Int32), ("host", _TEXT), ("port", Int32), ("rack", _TEXT), ("tags", TaggedFields)),
        ),
        ("cluster_id", _TEXT),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", _TEXT),
                ("topic_id", _Id),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("operations", Int32),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION: ClassVar[bool] = True
    API_KEY = _METADATA
    API_VERSION = _WITH_IDS
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Id), ("name", _TEXT), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_operations", Boolean),
        ("include_topic_operations", Boolean),
        ("tags", TaggedFields),
    )


class IdsOf(Request[_Question]):  # type: ignore[misc]
    """Asks a broker for the ids of topics. One that is too old to have any (before 2.8) makes it raise NotImplementedError."""

    API_KEY = _METADATA

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class([(_NOBODY, topic, {}) for topic in self._topics], False, False, False, {})


def ids_in(answer: Any) -> Mapping[str, str]:
    """The ids in a broker's answer by topic, as Kafka's tools print them; a topic that does not exist is absent."""
    return {name: id_text(found) for error, name, found, *_ in answer.topics if not error and found != _NOBODY}


def id_text(raw: bytes) -> str:
    """An id as Kafka's tools print it."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

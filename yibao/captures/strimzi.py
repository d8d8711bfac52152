"""The topics and connectors of a site as values of the chart, where Strimzi makes them: the same that `topics apply` and `connector
apply` would make, so that there is one place where each is decided.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from connector.render import render
from streams.errors import Misconfigured
from streams.mapping import Site, capture_sources
from streams.topics.shapes import TopicSpec, plan_topics
from yibao.captures.from_site import connect_settings, topic_settings

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST: Final = 253
_OF_THE_RESOURCE: Final = frozenset({"connector.class", "tasks.max"})
"""What a KafkaConnector says outside of `config`."""


def strimzi_values(site: Site) -> Mapping[str, object]:
    """`strimzi` of the chart's values: each topic and connector as the site needs it, and the files that they were made of.

    Raises Misconfigured for a connector whose name Kubernetes does not allow: the resource is named like it.
    """
    return {
        "strimzi": {
            "madeOf": dict(_made_of(site)),
            "topics": {_resource_name(spec.name): _topic(spec) for spec in _topics(site)},
            "connectors": dict(_connectors(site)),
        }
    }


def _topics(site: Site) -> tuple[TopicSpec, ...]:
    return plan_topics(site.topics, capture_sources(site), topic_settings(site))


def _topic(spec: TopicSpec) -> Mapping[str, object]:
    return {
        "topicName": spec.name,
        "partitions": spec.partitions,
        "replicas": spec.replication_factor,
        "config": dict(spec.configs),
    }


def _connectors(site: Site) -> Iterator[tuple[str, Mapping[str, object]]]:
    for source in capture_sources(site):
        name = site.topics.connector(source.name)
        if not _NAME.fullmatch(name) or len(name) > _LONGEST:
            raise Misconfigured(
                f"{site.file}: source {source.name} has the connector `{name}`, and a KafkaConnector must be named like it: "
                "lower-case letters, digits, `-` and `.` only, in `kafka.topic_prefix` and in the names of `sources`"
            )
        config = render(source, site.topics, connect=connect_settings(site))
        yield (
            source.name,
            {
                "name": name,
                "class": config["connector.class"],
                "config": {key: value for key, value in config.items() if key not in _OF_THE_RESOURCE},
            },
        )


def _made_of(site: Site) -> Iterator[tuple[str, str]]:
    yield "site.yaml", _digest(site.file)
    for source in site.sources.values():
        if source.mapping.is_relative_to(site.file.parent):
            yield source.mapping.relative_to(site.file.parent).as_posix(), _digest(source.mapping)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _resource_name(topic: str) -> str:
    """A name that Kubernetes allows; two topics never get the same."""
    if _NAME.fullmatch(topic) and len(topic) <= _LONGEST:
        return topic
    tame = re.sub(r"[^a-z0-9]+", "-", topic.lower()).strip("-")[:200]
    return f"{tame}-{hashlib.sha256(topic.encode()).hexdigest()[:12]}".lstrip("-")

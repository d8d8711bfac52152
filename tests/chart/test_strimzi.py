"""Where Strimzi makes topics and connectors, they are those that the product would make."""

import pytest
import yaml

from connector.render import render
from streams.mapping import capture_sources, load_site
from streams.topics.shapes import plan_topics
from tests.chart.rendering import CI, SITE, Refused, of_kind, text
from yibao.captures.from_site import connect_settings, topic_settings
from yibao.captures.strimzi import strimzi_values


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The topology's site in a folder, as whoever runs `yibao strimzi` has it."""
    folder = tmp_path_factory.mktemp("site")
    own, base = (yaml.safe_load(file.read_text(encoding="utf-8")) for file in (CI / "strimzi-values.yaml", SITE))
    for path, content in {"site.yaml": own["site"]["file"], **base["site"]["files"]}.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content, encoding="utf-8")
    return load_site(folder / "site.yaml")


def test_the_values_are_those_that_the_verb_writes(site):
    """What stands in the topology was written by `yibao strimzi`: a topic that the product has more would be missing there."""
    own = yaml.safe_load((CI / "strimzi-values.yaml").read_text(encoding="utf-8"))["strimzi"]
    assert strimzi_values(site)["strimzi"].items() <= own.items()


def test_every_topic_has_the_shape_that_the_product_demands(site):
    """`topics plan` compares them with what the broker has: one of another shape would be a conflict from the first day."""
    specs = plan_topics(site.topics, capture_sources(site), topic_settings(site))
    made = {
        one["spec"]["topicName"]: (one["spec"]["partitions"], one["spec"]["replicas"], one["spec"]["config"])
        for one in of_kind("strimzi", "KafkaTopic")
    }
    assert {spec.name: (spec.partitions, spec.replication_factor, dict(spec.configs)) for spec in specs} == made
    assert {"keep"} == {one["metadata"]["annotations"]["helm.sh/resource-policy"] for one in of_kind("strimzi", "KafkaTopic")}


def test_every_connector_is_configured_as_the_product_would(site):
    """Another converter or transform, and place would read rows that it does not understand."""
    (source,) = capture_sources(site)
    (made,) = of_kind("strimzi", "KafkaConnector")
    config = {"connector.class": made["spec"]["class"], "tasks.max": f"{made['spec']['tasksMax']}", **made["spec"]["config"]}
    assert render(source, site.topics, connect=connect_settings(site)) == config
    assert site.topics.connector("his") == made["metadata"]["name"]
    assert ("kafka", "capture") == (made["metadata"]["namespace"], made["metadata"]["labels"]["strimzi.io/cluster"])


def test_no_job_gives_orders_beside_the_operator():
    """Two that order the same connector take back each other's work for ever."""
    (job,) = of_kind("strimzi", "Job")
    pod = job["spec"]["template"]["spec"]
    assert [["topics", "apply"]] == [one["args"][:2] for one in [*pod.get("initContainers", []), *pod["containers"]]]


def test_a_mapping_that_was_changed_since_is_refused(tmp_path):
    """A column more in the mapping is a column more in the connector's list: an old list would leave it empty, in silence."""
    changed = yaml.safe_load(SITE.read_text(encoding="utf-8"))
    changed["site"]["files"]["mapping.yaml"] += "# another one\n"
    file = tmp_path / "site.yaml"
    file.write_text(yaml.safe_dump(changed, allow_unicode=True), encoding="utf-8")
    with pytest.raises(Refused, match=r"strimzi\.madeOf: mapping\.yaml was changed since"):
        text((file, CI / "strimzi-values.yaml"))

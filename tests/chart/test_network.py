"""Who reaches whom: held against the product's own reading of the site."""

from urllib.parse import urlsplit

import pytest

from streams.mapping import load_site
from tests.chart.rendering import TOPOLOGIES, of_kind, pods
from tests.chart.sites import lay_out

CAPTURE = ("place", "apply", "replay", "uninstall", "test")


def chosen(topology, labels):
    """The policies that choose a pod of these labels."""
    for policy in of_kind(topology, "NetworkPolicy"):
        if policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items():
            yield policy["spec"]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_every_pod_is_closed_but_for_what_the_site_names(topology, tmp_path):
    """A worker that is broken into reaches what it worked with, and nothing else; one that cannot reach what it needs stands."""
    if not of_kind(topology, "NetworkPolicy"):
        assert "observed" == topology, "only this one asks for none"
        return
    for number, pod in enumerate(pods(topology)):
        policies = list(chosen(topology, pod.metadata["labels"]))
        assert any({"podSelector", "policyTypes"} == set(policy) and len(policy["policyTypes"]) == 2 for policy in policies)
        folder = tmp_path / f"{number}"
        folder.mkdir()
        site = load_site(lay_out(topology, pod, folder))
        reached = {port["port"] for policy in policies for rule in policy.get("egress", []) for port in rule["ports"]}
        assert {53, *(port for _, port in ends(site, pod.role))} == reached - ({8200} if topology == "dmz" else set())


def ends(site, role):
    """Host and port of what a role reaches, by the product's models."""
    for server in site.kafka.bootstrap_servers.split(","):
        host, _, port = server.rpartition(":")
        yield host, int(port)
    if role in CAPTURE:
        yield address(site.connect.proxy or site.connect.url)
        yield from ((source.host, source.port) for source in site.sources.values())
    if role in ("deliver", "test"):
        yield address(site.platform.proxy or site.platform.url)


def address(url):
    parts = urlsplit(f"{url}")
    return parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


def test_addresses_are_bound_where_they_are_known():
    """A port alone lets a pod call the whole world on it."""
    rules = {
        (rule["ports"][0]["port"], str(rule.get("to")))
        for policy in chosen("default", {**next(pods("default")).metadata["labels"], "app.kubernetes.io/component": "place"})
        for rule in policy.get("egress", [])
    }
    assert (9094, "[{'ipBlock': {'cidr': '10.1.2.3/32'}}]") in rules
    assert (8443, "[{'namespaceSelector': {'matchLabels': {'kubernetes.io/metadata.name': 'kafka'}}}]") in rules
    assert (5432, "None") in rules


def test_strict_policies_bind_every_address():
    """Where a site asks for it no rule is left that names a port alone."""
    rules = [rule for policy in of_kind("dmz", "NetworkPolicy") for rule in policy["spec"].get("egress", [])]
    assert rules
    assert all(rule["to"] for rule in rules)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_only_monitoring_comes_in(topology):
    """What is served has no login: nobody reads it but who was named."""
    for pod in pods(topology):
        inward = [rule for policy in chosen(topology, pod.metadata["labels"]) for rule in policy.get("ingress", [])]
        if topology == "monitored" and pod.role in ("place", "join", "deliver"):
            (rule,) = inward
            assert [pod.spec["containers"][0]["ports"][0]["containerPort"]] == [port["port"] for port in rule["ports"]]
            assert rule["from"]
        else:
            assert [] == inward

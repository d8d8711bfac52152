"""Every topology renders, for every version of Kubernetes, the same by both Helms, and a server would take it."""

import pytest

from tests.chart.rendering import KUBERNETES, TOPOLOGIES, WITH_SCHEMAS, as_json, loaded, resources, text, values_of
from tests.chart.schemas import faults

CORE = ("apps/v1", "batch/v1", "networking.k8s.io/v1", "policy/v1", "v1")


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_both_helms_write_the_same(topology):
    """A hospital changes from Helm 3 to 4 when it likes: that must change nothing of what runs."""
    for kubernetes in (KUBERNETES[0], KUBERNETES[-1]):
        assert text(values_of(topology), 3, kubernetes) == text(values_of(topology), 4, kubernetes)


def test_every_topology_fits_the_schemas_of_every_version():
    """Unknown and misspelt fields are dropped in silence by old servers and refused by new ones; both are found here."""
    by_version = {
        version: [as_json(one) for topology in TOPOLOGIES for one in resources(topology, version) if one["apiVersion"] in CORE]
        for version in WITH_SCHEMAS
    }
    assert all(len(set(documents)) > 60 for documents in by_version.values())
    assert [] == faults(by_version)


def test_a_fault_would_be_found():
    """The check itself is held against a field that no Kubernetes knows, and one of a wrong type."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {"ports": [{"port": "a"}], "portz": []}}
    found = faults({"1.25": [as_json(service)], "1.37": [as_json(service)]})
    assert 4 == len(found)
    assert all("portz" in one or "'a' is not" in one for one in found)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_old_clusters_get_no_newer_field(topology):
    """Fields that came with 1.27 are refused or lost by clusters of hospitals that stand at 1.23."""
    old = text(values_of(topology), kubernetes="1.23")
    assert not any(field in old for field in ("unhealthyPodEvictionPolicy", "persistentVolumeClaimRetentionPolicy"))


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_two_sites_in_one_namespace_share_nothing(topology):
    """One release a site, several in a namespace: no name of one may be the other's."""
    named = [
        {(one["kind"], one["metadata"]["name"]) for one in loaded(text(values_of(topology), release=release))}
        for release in ("first", "second")
    ]
    assert set() == named[0] & named[1]


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_nothing_is_named_twice(topology):
    """A name that two resources of a kind share would make the later one replace the other."""
    named = [(one["kind"], one["metadata"]["name"]) for one in resources(topology)]
    assert sorted(set(named)) == sorted(named)
    assert all(len(name) <= 63 for _, name in named)
    assert all("reporting" == one["metadata"]["namespace"] for one in resources(topology))

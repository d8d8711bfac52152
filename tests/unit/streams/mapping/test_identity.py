"""Two ways to write an address are one site; two addresses are two."""

from types import SimpleNamespace

import pytest

from connector.contract import DatabaseKind
from streams.mapping.identity import identity_of


def site(url="https://real.example/fsp", host="db.his", port=5432):
    source = SimpleNamespace(kind=DatabaseKind.POSTGRESQL, host=host, port=port, database="his")
    hospital = SimpleNamespace(code="H36110200001", his_codes=("10", "11"))
    return SimpleNamespace(
        site="first",
        kafka=SimpleNamespace(topic_prefix="h."),
        platform=SimpleNamespace(url=url),
        sources={"his": source},
        institutions=(hospital,),
    )


def test_each_name_of_an_institution_is_known():
    """Rows name it by one of them: which one stands for another institution by mistake nobody knows."""
    assert dict.fromkeys(["H36110200001", "10", "11"], "H36110200001") == identity_of(site()).institutions


@pytest.mark.parametrize("url", ["https://real.example:443/fsp", "HTTPS://Real.Example/fsp/"])
def test_the_same_platform_written_otherwise_is_the_same(url):
    """A worker that refuses to start for a slash teaches people to rebind without looking."""
    assert identity_of(site()) == identity_of(site(url=url))


@pytest.mark.parametrize("url", ["http://real.example/fsp", "https://real.example/FSP", "https://real.example:8443/fsp"])
def test_another_scheme_path_or_port_is_another_platform(url):
    """A test platform often differs by its port or path alone."""
    assert identity_of(site()).platform != identity_of(site(url=url)).platform


def test_addresses_of_version_6_stay_readable():
    """A port behind them must not read as a part of them."""
    found = identity_of(site(url="http://[::1]:80/", host="::1"))
    assert ("http://[::1]:80", {"his": "postgresql://[::1]:5432/his"}) == (found.platform, found.sources)

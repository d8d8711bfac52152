"""What is told of a platform's address."""

import pytest

from streams.deliver.address import address_of, redirected_to
from streams.deliver.causes import HoldCause, RetryCause
from streams.deliver.remedies import REMEDIES


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://platform.example/fsp/report", "platform.example:443/fsp/report"),
        ("http://10.1.2.3:8080", "10.1.2.3:8080"),
        ("http://[fe80::1]/fsp", "[fe80::1]:80/fsp"),
        ("https://clerk:secret@platform.example/fsp?token=secret#secret", "platform.example:443/fsp"),
        ("http://clerk:sec/ret@proxy:3128", "proxy:3128"),
    ],
)
def test_an_address_is_told_without_what_opens_it(url, told):
    """Whoever is called at night must see where the requests go; logs are read by many and kept for long."""
    assert told == address_of(url)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://platform.example/fsp/report?ticket=secret", "platform.example:443/fsp/report"),
        ("/login;jsessionid=secret?user=secret", "/login"),
        ("http://clerk:secret@10.1.2.3:8080/51010219381005541X", "10.1.2.3:8080/"),
        ("http://[::1/", "what is no address"),
        ("", "nowhere"),
    ],
)
def test_a_redirect_is_told_without_what_opens_it(location, told):
    """http to https, a moved path, a login: its place tells them apart; a ticket in it lets anybody in who reads the log."""
    found = redirected_to({"location": location})
    assert found.startswith(told)
    assert not {"secret", "51010219381005541X"} & set(found.replace("/", " ").split())


def test_every_cause_has_its_remedy():
    """An alarm that says only "mend it" costs the hour in which nobody knows what."""
    assert {*HoldCause, *RetryCause} == set(REMEDIES)

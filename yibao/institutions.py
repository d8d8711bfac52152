"""Institutions that a person names."""

from streams.errors import Misconfigured
from streams.mapping import Site
from streams.wording import nearest


def demand_institution(site: Site, code: str) -> None:
    """Raises Misconfigured for an institution that the site does not have; `""` stands for all of them."""
    known = [one.code for one in site.institutions]
    if code and code not in known:
        raise Misconfigured(f"--institution: {code} is no institution of the site{nearest(code, known)}")

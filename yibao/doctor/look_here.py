"""Looks at this machine, at the way to the platform, and at whose the topics are."""

from collections.abc import Iterator
from datetime import UTC, datetime

from streams.mapping import Site
from streams.platform_wiring import shared_keys
from yibao.binding import found_in_binding
from yibao.doctor.checks import Told
from yibao.doctor.clocks import kernel_synchronised, of_machine
from yibao.doctor.disks import of_disks
from yibao.doctor.files import closed_files_of, disks_of, keys_of
from yibao.doctor.keys import of_files, of_keys
from yibao.doctor.needs import needs_of
from yibao.doctor.platforms import of_way
from yibao.doctor.ways import Way, walk


def look_at_machine(site: Site) -> Iterator[Told]:
    """Keys, secrets, disks, clock."""
    yield from of_keys(list(keys_of(site)), shared_keys(site), now=datetime.now(UTC), days=needs_of(site).key_days)
    yield from of_files(list(closed_files_of(site)))
    yield from of_disks(list(disks_of(site)))
    yield from of_machine(synchronised=kernel_synchronised())


def look_at_platform(site: Site) -> Iterator[Told]:
    """The way to it, and only as far as the site allows."""
    platform, needs = site.platform, needs_of(site)
    way = Way(url=platform.url, ca_file=platform.ca_file, proxy=platform.proxy, probe=needs.probe)
    yield from of_way(walk(way), now=datetime.now(UTC), days=needs.certificate_days)


def look_at_binding(site: Site) -> Iterator[Told]:
    """Whether the topics are this site's."""
    for finding in found_in_binding(site):
        yield Told(check="site.binding", finding=finding)

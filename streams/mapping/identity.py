"""What of a site's file its topics are bound to. Addresses are written one way, however the file has them."""

from urllib.parse import urlsplit

from streams.mapping.connections import DatabaseSource
from streams.mapping.site_file import Site
from streams.topics.binding import SiteIdentity

_PORTS = {"http": 80, "https": 443}


def identity_of(site: Site) -> SiteIdentity:
    """A site's name, prefix, platform and databases."""
    return SiteIdentity(
        site=site.site,
        prefix=site.kafka.topic_prefix,
        platform=_of_platform(site.platform.url),
        sources={name: _of_database(source) for name, source in site.sources.items()},
    )


def _of_platform(url: str) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return f"{scheme}://{_host(parts.hostname or '')}:{parts.port or _PORTS[scheme]}{parts.path.rstrip('/')}"


def _of_database(source: DatabaseSource) -> str:
    return f"{source.kind.value}://{_host(source.host.strip('[]'))}:{source.port}/{source.database}"


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name.lower()

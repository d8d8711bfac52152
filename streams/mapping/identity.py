"""What of a site's file its topics are bound to. Addresses are written one way, however the file has them."""

import hashlib
from urllib.parse import urlsplit

import orjson

from streams.mapping.compiling import version_of
from streams.mapping.connections import DatabaseSource
from streams.mapping.site_file import Site
from streams.topics.binding import SiteIdentity

_PORTS = {"http": 80, "https": 443}


def identity_of(site: Site) -> SiteIdentity:
    """A site's name, prefix, platform and databases, and which institution each name in its rows is."""
    return SiteIdentity(
        site=site.site,
        prefix=site.kafka.topic_prefix,
        platform=_of_platform(site.platform.url),
        sources={name: _of_database(source) for name, source in site.sources.items()},
        institutions={name: one.code for one in site.institutions for name in dict.fromkeys((one.code, *one.his_codes))},
    )


def mapping_of(site: Site) -> str:
    """Eight characters that stand for what a site's records are made by: its mappings, and what these are read with."""
    versions = {name: version_of(mapping) for name, mapping in site.mappings.items()}
    infno = {f"{service}": {**numbers} for service, numbers in site.platform.infno.items()}
    lists = {name: [one.closed, {**one.codes}] for name, one in site.value_lists.items()}
    only = {name: sorted(one.institutions) for name, one in site.sources.items() if one.institutions is not None}
    made_by = [versions, site.timezone, infno, lists, *([only] if only else [])]
    said = orjson.dumps(made_by, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(said, digest_size=4).hexdigest()


def _of_platform(url: str) -> str:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return f"{scheme}://{_host(parts.hostname or '')}:{parts.port or _PORTS[scheme]}{parts.path.rstrip('/')}"


def _of_database(source: DatabaseSource) -> str:
    return f"{source.kind.value}://{_host(source.host.strip('[]'))}:{source.port}/{source.database}"


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name.lower()

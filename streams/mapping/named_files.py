"""The files that a site names and that end, or are exchanged: what is looked at of them."""

from streams.mapping.site_file import Site
from streams.telemetry.files_look import FilesLook


def files_look(site: Site, *, keys: bool = False) -> FilesLook:
    """The certificates that a site names, and the institutions' keys where a stage seals with them."""
    certificates = {
        "kafka.security.ssl_cafile": site.kafka.security.ssl_cafile,
        "kafka.security.ssl_certfile": site.kafka.security.ssl_certfile,
        "connect.ca_file": site.connect.ca_file,
        "platform.ca_file": site.platform.ca_file,
        **{f"sources.{name}.ca_file": source.ca_file for name, source in site.sources.items()},
    }
    return FilesLook(
        {name: file for name, file in certificates.items() if file is not None},
        {one.code: one.public_key_file for one in site.institutions if keys and one.public_key_file is not None},
    )

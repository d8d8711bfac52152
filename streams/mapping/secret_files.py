"""The files of a site that hold a secret, by the setting that names them."""

from pathlib import Path

from streams.mapping.reading import Place
from streams.mapping.site_file import SiteFile


def secret_files(site: SiteFile) -> dict[Place, Path]:
    """Passwords, private keys and headers; only what the site names."""
    security = site.kafka.security
    named: dict[Place, Path | None] = {
        **{("sources", name, "password_file"): source.password_file for name, source in site.sources.items()},
        ("connect", "password_file"): site.connect.password_file,
        ("connect", "token_file"): site.connect.token_file,
        ("connect", "proxy_password_file"): site.connect.proxy_password_file,
        **{("platform", "headers", name): file for name, file in site.platform.headers.items()},
        ("kafka", "security", "sasl_password_file"): security.sasl_password_file,
        ("kafka", "security", "ssl_keyfile"): security.ssl_keyfile,
    }
    return {place: file for place, file in named.items() if file is not None}

"""The files of a site that hold a secret, by the setting that names them."""

import codecs
from pathlib import Path

from streams.bounded import KEY_BYTES, NotText, read_bounded, text_in
from streams.errors import Misconfigured
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
        ("kafka", "security", "ssl_password_file"): security.ssl_password_file,
        **{
            ("notify", "channels", name, setting): getattr(channel, setting)
            for name, channel in site.notify.channels.items()
            for setting in ("url_file", "secret_file", "token_file", "password_file")
        },
    }
    return {place: file for place, file in named.items() if file is not None}


def certificate_files(site: SiteFile) -> dict[Place, Path]:
    """Certificates; only what the site names."""
    security = site.kafka.security
    named: dict[Place, Path | None] = {
        **{("sources", name, "ca_file"): source.ca_file for name, source in site.sources.items()},
        ("connect", "ca_file"): site.connect.ca_file,
        ("platform", "ca_file"): site.platform.ca_file,
        ("kafka", "security", "ssl_cafile"): security.ssl_cafile,
        ("kafka", "security", "ssl_certfile"): security.ssl_certfile,
        **{("notify", "channels", name, "ca_file"): channel.ca_file for name, channel in site.notify.channels.items()},
    }
    return {place: file for place, file in named.items() if file is not None}


def read_secret(path: Path, *, setting: str) -> str:
    """The content of a file without the line end that editors add. Raises Misconfigured, naming the setting that names the file."""
    try:
        content = read_bounded(path, most=KEY_BYTES)
        text = text_in(content).rstrip("\r\n")
    except OSError as error:
        raise Misconfigured(f"{path} cannot be read ({error.strerror}); {setting} in site.yaml names it") from error
    except NotText as error:
        raise Misconfigured(f"{path} {error}; {setting} in site.yaml names it") from error
    if content.startswith(codecs.BOM_UTF8):  # Connect, which reads the same file, would take it for a part of the password
        raise Misconfigured(f"{path} begins with a byte-order mark: save it without one; {setting} in site.yaml names it")
    if not text:
        raise Misconfigured(f"{path} is empty; {setting} in site.yaml names it")
    return text

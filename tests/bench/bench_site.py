"""The sample site with the addresses of a measurement and a prefix of its own, so that every round begins from nothing."""

import shutil
from pathlib import Path

import yaml

from streams.seal import generate_key_pair
from tests.bench.messages import SAMPLE


def write_site(folder: Path, *, prefix: str, bootstrap_servers: str, platform_url: str, partitions: int = 12) -> Path:
    """Write site.yaml, its mapping and a key; site.yaml's path. partitions: each costs a broker and two workers their time."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(SAMPLE.parent / "mapping.yaml", folder / "mapping.yaml")
    key = folder / "platform.pub"
    if not key.exists():
        key.write_text(public_key(), encoding="utf-8")
    written = SAMPLE.read_text(encoding="utf-8")
    site = yaml.safe_load(written)
    # Read as text: `02` is a code and not a number.
    site["institutions"] = yaml.load(written, Loader=yaml.BaseLoader)["institutions"]
    site["kafka"] |= {"bootstrap_servers": bootstrap_servers, "topic_prefix": prefix, "partitions": partitions}
    # Two hospitals hold nearly all records: their own limit of requests must not be what is measured.
    site["platform"] |= {"url": platform_url, "in_flight": {"per_institution": 16, "total": 16}}
    site["join"] = {}
    for institution in site["institutions"]:
        institution["public_key_file"] = f"{key}"
    path = folder / f"{prefix}site.yaml"
    path.write_text(yaml.safe_dump(site, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def public_key() -> str:
    """A fresh public key."""
    return generate_key_pair().public.hex

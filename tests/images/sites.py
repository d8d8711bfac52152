"""The sample site with the addresses of a run, as deploy/compose.yaml expects a site."""

from collections.abc import Mapping
from pathlib import Path

from yibao.demonstration.settings import SAMPLE


def write_site(site: Path, variables: Mapping[str, str], *, workers_port: int) -> None:
    """The folder of a site: site.yaml, mapping.yaml, and empty folders for keys and secrets."""
    for folder in ("keys", "secrets"):
        (site / folder).mkdir(parents=True)
    text = (SAMPLE / "site.yaml").read_text("utf-8")
    for usual, name in (("29092", "KAFKA_PORT"), ("28083", "CONNECT_PORT"), ("25432", "POSTGRES_PORT"), ("28080", "PLATFORM_PORT")):
        text = text.replace(usual, variables.get(name, usual))
    text += f"\nworkers:\n  http: {{port: {workers_port}}}\n"
    (site / "site.yaml").write_text(text, "utf-8")
    (site / "mapping.yaml").write_text((SAMPLE / "mapping.yaml").read_text("utf-8"), "utf-8")

"""The site of the proof, as values of the chart: the sample site, reached as pods reach a hospital's servers."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.pods.network import NODE
from yibao.demonstration.settings import SAMPLE

PLATFORM: Final = "platform.his"
"""A name that only `pod.hostAliases` knows."""
SECRET: Final = "yibao-his"
_REFERENCE: Final = "${directory:/etc/yibao/secrets:his.password}"
"""The password of capture as Connect finds it."""
_INSECURE: Final = ("kafka.security", "connect", "sources.his", "platform")
"""Where site.yaml must say that this network is trusted: it is this process's own."""


def site_of(ports: Mapping[str, str]) -> Mapping[str, Any]:
    """site.yaml. ports: by the names that deploy/compose.yaml gives them."""
    site: dict[str, Any] = yaml.load((SAMPLE / "site.yaml").read_text("utf-8"), Loader=yaml.BaseLoader)  # as texts: 02 is no 2
    site["kafka"] |= {"bootstrap_servers": f"{NODE}:{ports['KAFKA_PORT']}", "security": {}}
    site["connect"]["url"] = f"http://{NODE}:{ports['CONNECT_PORT']}"
    site["sources"]["his"] |= {"host": NODE, "port": int(ports["POSTGRES_PORT"]), "password_reference": _REFERENCE}
    site["platform"]["url"] = f"http://{PLATFORM}:{ports['PLATFORM_PORT']}"
    for place in _INSECURE:
        part = site
        for name in place.split("."):
            part = part[name]
        part["insecure"] = True
    return site


def write_values(folder: Path, site: Mapping[str, Any], keys: Path) -> Path:
    """A values file that says no more than a site must, and how the platform is found."""
    files = {"mapping.yaml": (SAMPLE / "mapping.yaml").read_text("utf-8")}
    files |= {f"keys/{path.name}": path.read_text("utf-8") for path in sorted(keys.glob("*.pub"))}
    values = {
        "site": {"file": yaml.safe_dump(site, allow_unicode=True, sort_keys=False), "files": files},
        "secrets": {"existing": {"secrets/his.password": {"name": SECRET, "key": "password"}}},
        "connectors": {"onUninstall": "stop"},
        "pod": {"hostAliases": [{"ip": NODE, "hostnames": [PLATFORM]}]},
    }
    path = folder / "values.yaml"
    path.write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), "utf-8")
    return path

"""What a pod finds at /etc/yibao, laid out as the kubelet does it, and read by the product's own loader."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.chart.rendering import Pod, resources

FOLDER = "/etc/yibao"


def lay_out(topology: str, pod: Pod, into: Path) -> Path:
    """Write the pod's projected volume into a folder, by links as the kubelet does; its site.yaml. Secrets hold what is made up."""
    maps = {one["metadata"]["name"]: one["data"] for one in resources(topology) if one["kind"] == "ConfigMap"}
    data = into / "..2026_11_30"
    for path, content in _entries(pod, maps):
        target = data / path
        assert not target.exists(), f"{path} is projected twice"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content, encoding="utf-8")
    (into / "..data").symlink_to(data.name)
    for one in data.iterdir():
        (into / one.name).symlink_to(Path("..data") / one.name)
    return into / "site.yaml"


def _entries(pod: Pod, maps: dict[str, Any]) -> Iterator[tuple[str, str]]:
    site = next(volume for volume in pod.spec["volumes"] if volume["name"] == "site")
    for source in site["projected"]["sources"]:
        if "secret" in source:
            yield from ((item["path"], "made-up") for item in source["secret"]["items"])
            continue
        content = maps.get(source["configMap"]["name"])
        for item in source["configMap"]["items"]:
            yield item["path"], _authority(maps) if content is None else content[item["key"]]


def _authority(maps: dict[str, Any]) -> str:
    """What a ConfigMap that is not the chart's holds: certificates."""
    return next(data["tls__kafka-ca.pem"] for data in maps.values() if "tls__kafka-ca.pem" in data)

"""Writes helm/yibao-cdc/README.md: how the chart is used, and every value with its default, in English (the comment in values.yaml)
and Chinese (the title in values.schema.json). Usage: chart_readme.py
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

CHART: Final = Path(__file__).resolve().parent.parent / "helm" / "yibao-cdc"
_MARK: Final = "# -- "
HEAD: Final = """\
# yibao-cdc

One release reports for one site. The site's own files, which `yibao check` has checked, are mounted as they are. This page is
generated from `values.yaml` and `values.schema.json` (`.venv/bin/python deploy/chart_readme.py`).

```
kubectl create namespace reporting
kubectl -n reporting create secret generic yibao-his --from-file=password=his.password
helm -n reporting install first-hospital helm/yibao-cdc -f values.yaml \\
    --set-file site.file=site.yaml --set-file 'site.files.mapping\\.yaml=mapping.yaml'
helm -n reporting test first-hospital
```

```yaml
# values.yaml: where the secrets are that site.yaml names, and what becomes of the captures at uninstall
secrets:
  existing:
    secrets/his.password: {name: yibao-his, key: password}
connectors: {onUninstall: keep}
```

- **`site.yaml`** needs nothing of Kubernetes: the chart puts `workers` behind it where it says nothing of them. Each path
  that it names must be given in `site.files`, `site.filesFrom`, `secrets.existing` or `secrets.external.data`. Secrets go only
  to the pods that open them. `password_reference` and `connect_ca_file` say how Kafka Connect finds its copies.
- **A change** of site or mapping replaces the pods. Workers of place and join whose mapping is another one stand by, ready, until
  the last old one has gone; nothing is worked on by two mappings.
- **Network policies** let pods reach what `site.yaml` names and nothing else. A host that is no address and no Service's name
  can be anywhere on its port until `networkPolicy.peers` says where it is. Brokers that advertise other hosts or ports than
  `bootstrap_servers` has need `networkPolicy.extraEgress`.
- **Strimzi**: `yibao strimzi -c site.yaml > strimzi.yaml` writes topics and connectors for `-f strimzi.yaml`.
- **Uninstall**: replication slots, topics and volumes stay in each case. Where Connect or a database does not answer,
  `helm uninstall --no-hooks` goes on without them.

`ci/` has a values file of each topology that is tried, `ci/bad/` what is refused.

## Values 配置项

| key | default | what | 说明 |
|---|---|---|---|
"""


class Value(NamedTuple):
    """A key that a person sets."""

    path: tuple[str, ...]
    default: Any
    what: str
    title: str

    @property
    def row(self) -> str:
        """Its row in the table."""
        default = json.dumps(self.default, ensure_ascii=False)
        cells = (f"`{'.'.join(self.path)}`", f"`{default}`", self.what, self.title)
        return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def values() -> Iterator[Value]:
    """Every key that has a comment, in the order of the file. Raises KeyError for one that the schema does not know."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    defaults = yaml.safe_load(text)
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    path: list[str] = []
    comment = ""
    for line in text.splitlines():
        if (bare := line.strip()).startswith(_MARK):
            comment = bare.removeprefix(_MARK)
        elif bare and not bare.startswith("#"):
            depth = (len(line) - len(line.lstrip())) // 2
            path[depth:] = [bare.partition(":")[0]]
            if comment:
                yield Value(tuple(path), _at(defaults, path), comment, _title(schema, path))
            comment = ""


def _at(document: Any, path: list[str]) -> Any:
    for key in path:
        document = document[key]
    return document


def _title(schema: Mapping[str, Any], path: list[str]) -> str:
    node: Mapping[str, Any] = schema
    title = ""
    for key in path:
        node = node["properties"][key]
        title = node.get("title", "")
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
            title = title or node.get("title", "")
    return title


def page() -> str:
    """The whole page."""
    return HEAD + "".join(value.row for value in values())


if __name__ == "__main__":
    (CHART / "README.md").write_text(page(), encoding="utf-8")

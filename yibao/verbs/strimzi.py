"""`yibao strimzi`: values of the chart, where Strimzi makes topics and connectors."""

import typer
import yaml

from streams.mapping import load_site
from yibao.captures.strimzi import strimzi_values
from yibao.options import SITE, ConfigOption


def strimzi(config: ConfigOption = SITE) -> None:
    """Write a values file of the chart with the site's topics and connectors, for topics.mode and connectors.mode strimzi. Nothing
    is connected to.

    The chart refuses it when site.yaml or a mapping was changed since: write it again.

    \b
    Examples:
      yibao strimzi -c site.yaml > strimzi.yaml
      helm upgrade first-hospital helm/yibao-cdc -f values.yaml -f strimzi.yaml --set-file site.file=site.yaml
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    typer.echo(yaml.safe_dump(strimzi_values(load_site(config)), allow_unicode=True, sort_keys=False), nl=False)

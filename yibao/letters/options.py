"""Options and arguments that choose dead letters, spelled and explained once for every verb."""

from typing import Annotated

import typer

from streams.domain.validate.judge import RULE_IDS
from streams.domain.violations import DeadClass
from streams.spec.fields import ServiceCode

FilterArgument = Annotated[list[str] | None, typer.Argument(metavar="[FILTER]...", help="Which letters; see `yibao dlq -h`.")]
ClassOption = Annotated[DeadClass | None, typer.Option("--class", case_sensitive=False, help="As class: in the filter.")]
RuleOption = Annotated[
    str, typer.Option("--rule", metavar="RULE", autocompletion=lambda: sorted(RULE_IDS), help="As rule: in the filter.")
]
ServiceOption = Annotated[ServiceCode | None, typer.Option("--service", help="As service: in the filter.")]
InstitutionOption = Annotated[str, typer.Option("--institution", metavar="CODE", help="As institution: in the filter.")]
SinceOption = Annotated[str, typer.Option("--since", metavar="WHEN", help="As since: in the filter: 2h, 7d, 2024-05-01T08:00.")]
DeadlineOption = Annotated[float, typer.Option("--deadline", metavar="SECONDS", help="Stop reading the topic after so long.")]

"""`yibao watch`: the alerts of a site without Prometheus."""

import json
import time
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from streams.errors import Misconfigured
from streams.mapping import Site, load_site
from streams.telemetry import events
from streams.telemetry.alerts.alert import filled
from streams.telemetry.alerts.deciding import decide
from streams.telemetry.alerts.samples import History
from streams.telemetry.alerts.table import ALERTS, REACH_S
from streams.telemetry.events import Speaker
from streams.wording import count_of
from yibao.options import SITE, ConfigOption, Output, OutputOption
from yibao.watching.channels import NotTold, check, tell
from yibao.watching.kept import alone
from yibao.watching.looking import addresses, look
from yibao.watching.messages import Told
from yibao.watching.notices import BY_NAME
from yibao.watching.notices import trial as trial_notices
from yibao.watching.running import Watching, run


def watch(
    *,
    config: ConfigOption = SITE,
    notify: Annotated[bool, typer.Option("--notify", help="Go on until Ctrl-C, and tell the channels of site.yaml.")] = False,
    trial: Annotated[bool, typer.Option("--test", help="Send each channel a test and its recovery.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Decide by the workers' metrics which alerts there are, by the table from which Prometheus's rules are made.

    Without an option: look once, and show what is so now, for however short a time; what asks for rates is not seen in one look.
    Exit code 1 where anything is so.

    --test: YibaoTest fires in each channel and is over at once: two messages, named as tests. Exit code 1 where one was not taken.

    --notify: for sites without Prometheus. Looks every notify.every_s; what has been so for its time is told once to each channel
    of `notify` in site.yaml, and when it is over, that. A restart repeats nothing. One for a site is enough; let systemd keep it.

    \b
    Examples:
      yibao watch -c site.yaml
      yibao watch --test
      yibao watch --notify
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    site = load_site(config)
    if notify or trial:
        _demand_channels(site)
        events.configure(Speaker(site=site.site, worker="watch", zone=ZoneInfo(site.timezone)))
    if trial:
        _try(site)
    elif notify:
        watching = Watching(site, site.notify.channels, now=time.time())
        with alone(watching.folder):
            run(watching, lambda: look(_urls(site)))
    else:
        _show(site, output)


def _urls(site: Site) -> list[str]:
    return addresses(site.workers.home, site.notify.workers)


def _demand_channels(site: Site) -> None:
    if not site.notify.channels:
        raise Misconfigured(f"{site.file}: notify.channels names nobody who is told; docs/site.md, Channel, has the kinds")
    for name, channel in site.notify.channels.items():
        check(name, channel)


def _try(site: Site) -> None:
    """Tell each channel of a test, and that it is over. Raises Exit where one of them did not take both."""
    failed = False
    for name, channel in site.notify.channels.items():
        now = time.time()
        try:
            for notice in trial_notices(now=now):
                tell(name, channel, Told(site=site.site, notice=notice, zone=ZoneInfo(site.timezone), now=now))
        except NotTold as error:
            failed = True
            typer.echo(f"{name}: not sent: {error}", err=True)
        else:
            typer.echo(f"{name}: a test and its recovery were sent")
    if failed:
        raise typer.Exit(1)


def _show(site: Site, output: Output) -> None:
    urls, history = _urls(site), History(kept_s=REACH_S)
    at, seen = look(urls)
    history.add(at, seen)
    standing = decide(ALERTS, {}, history, now=at, since=at)
    found = [
        {
            "alert": name,
            "severity": BY_NAME[name].severity.value,
            "labels": dict(sorted(labels)),
            "zh": filled(BY_NAME[name].zh, labels, one.value),
            "summary": filled(BY_NAME[name].summary, labels, one.value),
            "remedy": BY_NAME[name].remedy,
        }
        for (name, labels), one in standing.items()
    ]
    if output is Output.JSON:
        moment = datetime.fromtimestamp(at, ZoneInfo(site.timezone)).isoformat(timespec="seconds")
        typer.echo(json.dumps({"at": moment, "workers": urls, "alerts": found}, ensure_ascii=False, indent=2))
    else:
        for one in found:
            typer.echo(f"{one['severity']}  {one['alert']}: {one['summary']}\n  {one['zh']}\n  {one['remedy']}")
        typer.echo(
            f"{count_of(len(urls), 'worker')} looked at; {count_of(len(found), 'alert')}"
            if urls
            else "no worker is served here: notify.workers names others"
        )
    if found:
        raise typer.Exit(1)

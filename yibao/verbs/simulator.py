"""`yibao platform`: the supervision platform as a simulator, to test against and to show."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast
from urllib.parse import urlsplit

import aiohttp
import typer
from rich.console import Console
from rich.table import Table

from sandbox.platform import PlatformSettings, Simulator, read_institutions
from sandbox.platform.faults import FAULTS, PROFILES, Fault, read_faults
from sandbox.platform.settings import fault_profile
from streams.bounded import TEXT_BYTES, read_bounded
from streams.errors import Misconfigured, Unreachable
from streams.seal import Encoding, Order, SealedText
from streams.telemetry import events
from streams.wording import count_of, nearest
from yibao.interrupted import Interrupted
from yibao.options import Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
The supervision platform, simulated: strict, and faulty on demand.

\b
Examples:
  yibao platform serve --institutions site.yaml --keys keys --port 28080
  yibao platform serve --institutions site.yaml --keys keys --faults hostile --journal journal.jsonl
  yibao platform stats --url http://127.0.0.1:28080
  yibao platform faults --url http://127.0.0.1:28080 --clear --add demo
""",
)

_WITHIN_S = 10.0
_MOST_BYTES = 1 << 20
_COUNTS = ("batches", "records", "distinct")

UrlOption = Annotated[str, typer.Option("--url", metavar="URL", help="Address that `platform serve` printed.")]


@app.command()
def serve(
    *,
    institutions: Annotated[
        Path, typer.Option("--institutions", metavar="FILE", help="Who may report: `code: name` in YAML or JSON, or a site.yaml.")
    ],
    keys: Annotated[
        Path,
        typer.Option(
            "--keys", metavar="DIR", file_okay=False, help="Key pairs: <code>.pub for the sender, <code>.key. Made if missing."
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on. /_sim answers this machine only, whatever it is.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 0,
    faults: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE", autocompletion=lambda: [*PROFILES], help=f"{', '.join(PROFILES)}, or a JSON list of faults."
        ),
    ] = "none",
    seed: Annotated[int, typer.Option(help="Decides which requests the faults strike and which keys are refused.")] = 0,
    journal: Annotated[Path | None, typer.Option(metavar="FILE", help="Accepted records; read again at start.")] = None,
    frozen: Annotated[list[str] | None, typer.Option(metavar="CODE", help="HILIST_CODE that refuses a batch. Repeatable.")] = None,
    refuse_percent: Annotated[float, typer.Option(min=0, max=100, help="Share of keys refused, always the same.")] = 0.0,
    refuse_orphans: Annotated[
        bool, typer.Option("--refuse-orphans", help="Refuse what belongs to a visit or settlement that was never accepted.")
    ] = False,
    say_which: Annotated[bool, typer.Option("--say-which", help="Refusals name the record in the batch.")] = False,
    remember_refused: Annotated[bool, typer.Option("--remember-refused", help="A refused msgid answers 40005 afterwards.")] = False,
    forget_after_s: Annotated[float | None, typer.Option(metavar="SECONDS", help="Accepted msgids may be used again then.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Accept data that is the JSON array itself, too.")] = False,
    order: Annotated[Order, typer.Option(help="Order of the ciphertext's parts.")] = Order.C1C3C2,
    prefix: Annotated[bool, typer.Option(help="Whether the ciphertext begins with 04.")] = True,
    text: Annotated[SealedText, typer.Option(help="How the ciphertext is written.")] = SealedText.HEX,
    dictionaries: Annotated[Path | None, typer.Option(metavar="FILE", help="Value lists that replace the built-in ones.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Receive reports until SIGTERM (exit code 0) or Ctrl-C (130). The first line printed says where, as JSON with `-o json`.

    \b
    Examples:
      yibao platform serve --institutions site.yaml --keys keys --port 28080
      yibao platform serve --institutions site.yaml --keys keys --faults hostile --journal journal.jsonl
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    settings = PlatformSettings(
        institutions=read_institutions(institutions),
        keys=keys,
        encoding=Encoding(order=order, prefix=prefix, text=text),
        plain_allowed=plain,
        host=host,
        port=port,
        seed=seed,
        faults=_faults(faults),
        frozen_items=frozenset(frozen or ()),
        refuse_percent=refuse_percent,
        refuse_orphans=refuse_orphans,
        anonymous_refusals=not say_which,
        remember_refused=remember_refused,
        forget_accepted_after_s=forget_after_s,
        journal=journal,
        dictionaries=dictionaries,
    )
    events.configure()
    if asyncio.run(_serve(settings, output)) is signal.SIGINT:
        kept = f"; what it accepted stays in {journal} and is read again at the next start" if journal else ""
        raise Interrupted(f"the simulator has stopped; the keys stay in {keys}{kept}")


@app.command()
def stats(url: UrlOption, output: OutputOption = Output.TABLE) -> None:
    """Print what a running simulator received and accepted.

    \b
    Examples:
      yibao platform stats --url http://127.0.0.1:28080
      yibao platform stats --url http://127.0.0.1:28080 -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    found = asyncio.run(_ask("GET", _page(url, "stats"), _fits_stats))
    if output is Output.JSON:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        _print_stats(found)


@app.command("faults", short_help="Show, clear or add faults of a running simulator.")
def change_faults(
    url: UrlOption,
    add: Annotated[list[str] | None, typer.Option(metavar="NAME|FILE|JSON", help="A profile, a file, or a fault as JSON.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take all faults out of force first.")] = False,
) -> None:
    """Show the faults in force as JSON, after clearing them or adding to them.

    \b
    Examples:
      yibao platform faults --url http://127.0.0.1:28080
      yibao platform faults --url http://127.0.0.1:28080 --clear --add hostile
      yibao platform faults --url http://127.0.0.1:28080 --add '{"kind": "outage", "for_s": 5}'
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    page = _page(url, "faults")
    if clear:
        asyncio.run(_ask("DELETE", page, _fits_faults))
    for text in add or ():
        faults = FAULTS.dump_python(_faults(text), mode="json", exclude_defaults=True)
        asyncio.run(_ask("POST", page, _fits_faults, order={"faults": faults}))
    typer.echo(json.dumps(asyncio.run(_ask("GET", page, _fits_faults)), ensure_ascii=False, indent=2))


async def _serve(settings: PlatformSettings, output: Output) -> signal.Signals:
    """Serve until a signal comes, and return which."""
    stopped: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.put_nowait, number)
    simulator = Simulator(settings)
    url = await simulator.start()
    try:
        if output is Output.JSON:
            typer.echo(json.dumps({"url": url, "keys": str(settings.keys.absolute())}))
        else:
            institutions = count_of(len(settings.institutions), "institution")
            typer.echo(f"platform at {url}, public keys in {settings.keys}/<code>.pub, {institutions}")
        sys.stdout.flush()
        return await stopped.get()
    finally:
        await simulator.stop()


def _faults(text: str) -> tuple[Fault, ...]:
    """The faults that a profile's name, a file or a JSON text stands for. Raises Misconfigured with what is wrong."""
    if text in PROFILES:
        return fault_profile(text)
    is_json = text.lstrip().startswith(("{", "["))
    if not is_json and not (text and Path(text).exists()):
        raise Misconfigured(
            f"faults `{text}`{nearest(text, PROFILES)}: neither a profile ({', '.join(PROFILES)}) nor a file nor JSON"
        )
    try:
        return read_faults(text.encode() if is_json else read_bounded(Path(text), most=TEXT_BYTES))
    except OSError as error:
        raise Misconfigured(f"faults {text}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise Misconfigured(f"{error}") from error


def _page(url: str, name: str) -> str:
    """The address of one of the simulator's own pages. Raises Misconfigured where `url` cannot be one; it is not repeated then."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc or parts.query or parts.fragment:
        raise Misconfigured(
            "--url: write the address that `yibao platform serve` printed, http://host:port, and no user or password"
        )
    return f"{url.rstrip('/')}/_sim/{name}"


async def _ask(method: str, page: str, fits: Callable[[Any], bool], *, order: object = None) -> dict[str, Any]:
    """One call of the simulator's own pages. Raises Misconfigured with what the simulator says against it, and Unreachable where
    something else answers, or nothing. No redirect is followed.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_WITHIN_S), auto_decompress=False) as http,
            http.request(method, page, json=order, allow_redirects=False) as response,
        ):
            status, body = response.status, bytearray()
            while len(body) < _MOST_BYTES and (part := await response.content.read(_MOST_BYTES - len(body))):
                body += part
    except (aiohttp.ClientError, OSError, ValueError) as error:  # OSError: also TimeoutError
        raise _no_simulator(page, "not in time" if isinstance(error, TimeoutError) else "nothing that speaks HTTP") from error
    found = _json_of(body)
    if status == 200 and fits(found):
        return cast("dict[str, Any]", found)
    if status >= 400 and isinstance(found, dict) and isinstance(found.get("error"), str):
        raise Misconfigured(f"{page}: {_one_line(found['error'])}")
    raise _no_simulator(page, f"HTTP {status} with {_content(status, body, found)}")


def _no_simulator(page: str, what: str) -> Unreachable:
    return Unreachable(f"{page}: no simulator answers there ({what}); start one with `yibao platform serve` and take its URL")


def _json_of(body: bytearray) -> object:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found


def _content(status: int, body: bytearray, found: object) -> str:
    if 300 <= status < 400:
        return "a redirect, which is not followed"
    if found is not None:
        return "JSON of another form"
    text = _one_line(body[:100].decode("utf-8", "replace"))
    return "a page of HTML" if text.startswith("<") else repr(text) if text else "no content"


def _one_line(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text).strip()


def _fits_stats(found: Any) -> bool:
    """Whether it is the simulator's count: what is printed of it is there, and numbers are numbers."""
    if not isinstance(found, dict) or not isinstance(found.get("accepted_records"), int):
        return False
    accepted = found.get("accepted")
    services = accepted.values() if isinstance(accepted, dict) else (None,)
    return all(
        isinstance(institutions, dict)
        and all(
            isinstance(counts, dict) and all(isinstance(counts.get(name), int) for name in _COUNTS)
            for counts in institutions.values()
        )
        for institutions in services
    )


def _fits_faults(found: Any) -> bool:
    return isinstance(found, dict) and isinstance(found.get("faults"), list)


def _print_stats(found: dict[str, Any]) -> None:
    console = Console()
    table = Table("service", "institution", "batches", "records", "distinct", box=None)
    for service, institutions in found["accepted"].items():
        for institution, counts in institutions.items():
            table.add_row(service, institution, *(str(counts[name]) for name in _COUNTS))
    console.print(table)
    counts = Table("count", "value", box=None)
    for name, value in found.items():
        if name != "accepted":
            counts.add_row(name, _line(value))
    console.print(counts)


def _line(value: object) -> str:
    return ", ".join(f"{key}: {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)

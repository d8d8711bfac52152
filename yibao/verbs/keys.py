"""`yibao keys`: make, check and show SM2 keys, and find out which layout a platform opens. A private key is never printed."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from streams.bounded import KEY_BYTES, read_bounded
from streams.errors import Misconfigured, YibaoError
from streams.private_files import private_folder
from streams.seal import ENCODINGS, PrivateKey, PublicKey, ReadKey, Sealer, generate_key_pair, key_text, read_key
from streams.spec.identity import valid_fixmedins_code
from yibao.interrupted import leaving
from yibao.options import Output, OutputOption

app = typer.Typer(
    no_args_is_help=True,
    help="""\
Make, check and show SM2 keys, and find out which layout a platform opens.

\b
Examples:
  yibao keys check keys/*.pub               which key is in each file, in whatever form it was mailed
  yibao keys show keys/H36110200001.pub     its fingerprint, to compare with the platform's by telephone
  yibao keys sample keys/H36110200001.pub   a harmless text in all eight layouts: ask the platform which one opens
  yibao keys new --out keys --institution H36110200001
""",
)

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A key file: hex, Base64, PEM or DER.")]
KeyFiles = Annotated[list[Path], typer.Argument(metavar="FILE", help="Key files: hex, Base64, PEM or DER.")]

SAMPLE = '[{"SAMPLE":"医保 yibao 123"}]'
"""What `keys sample` seals. Nobody's data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What `keys check` found in one file."""

    file: str
    """Path of the file."""
    kind: str
    """`public` or `private`; `""` where there is no key."""
    form: str
    """The form it came in, in words."""
    fingerprint: str
    """Of its public half."""
    problem: str
    """What is wrong; `""` for a good key."""
    remark: str
    """What is worth knowing besides; `""` for nothing."""


@app.command("new")
def new(
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Directory for the two files; made with mode 0700.")
    ],
    institution: Annotated[str, typer.Option("--institution", metavar="CODE", help="FIXMEDINS_CODE the pair is for.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a key pair for an institution: two PEM files with mode 0600. Existing files are never overwritten.

    \b
    Examples:
      yibao keys new --out keys --institution H36110200001
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    if not valid_fixmedins_code(institution):
        raise Misconfigured(f"--institution {institution}: an institution's code is H or P and 11 digits")
    private_file, public_file = (out / f"{institution}.{half}.pem" for half in ("private", "public"))
    for path in (private_file, public_file):
        if path.exists():
            raise Misconfigured(f"{path} exists; a key is never overwritten: choose another --out or move the old pair away")
    pair = generate_key_pair()
    try:
        if not out.is_dir():
            private_folder(out)
    except OSError as error:
        raise Misconfigured(f"--out {out} cannot be made ({error.strerror}); choose another directory") from error
    with leaving(f"one half of the pair may be there without the other: remove {private_file} and {public_file}"):
        _write_secret(private_file, pair.pem)
        _write_secret(public_file, pair.public.pem)
    _print(
        {"private": str(private_file), "public": str(public_file), "fingerprint": pair.fingerprint},
        output,
    )


@app.command("check")
def check(files: KeyFiles, output: OutputOption = Output.TABLE) -> None:
    """Say of each file which key is in it and in which form. Exit code 1 when one holds none.

    \b
    Examples:
      yibao keys check keys/*.pub
      yibao keys check mailed.txt -o json
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    found = [_check(path) for path in files]
    if output is Output.JSON:
        typer.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=2))
    else:
        for each in found:
            good = f"{each.kind} key, {each.form}, fingerprint {each.fingerprint}"
            typer.echo(f"{each.file}: {each.problem or good}" + (f" ({each.remark})" if each.remark else ""))
    if any(each.problem for each in found):
        raise typer.Exit(1)


@app.command("show")
def show(file: KeyFile, output: OutputOption = Output.TABLE) -> None:
    """Show a key's fingerprint and its PUBLIC half in every form. Of a private key nothing else is shown.

    \b
    Examples:
      yibao keys show keys/H36110200001.pub
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    found = _read(file)
    public = _public(found)
    _print(
        {
            "kind": _kind(found),
            "form": found.form,
            "fingerprint": public.fingerprint,
            "hex": public.hex,
            "hex_without_04": public.hex[2:],
            "hex_compressed": public.compressed,
            "x509_base64": "".join(public.pem.splitlines()[1:-1]),
            "x509_pem": public.pem,
        },
        output,
    )


@app.command("sample", short_help="Seal a harmless sample in all eight layouts.")
def sample(file: KeyFile, output: OutputOption = Output.TABLE) -> None:
    """Seal a harmless sample in all eight layouts, so that the platform's people can say which one opens.

    \b
    Examples:
      yibao keys sample keys/H36110200001.pub
    """  # noqa: D301 - Typer's mark for lines that stay as they are
    public = _public(_read(file))
    sealed = [
        {
            "layout": str(encoding),
            "order": str(encoding.order),
            "prefix": encoding.prefix,
            "text": str(encoding.text),
            "sealed": Sealer(public, encoding).seal(SAMPLE.encode()),
        }
        for encoding in ENCODINGS
    ]
    if output is Output.JSON:
        document = {"fingerprint": public.fingerprint, "plain": SAMPLE, "samples": sealed}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
        return
    typer.echo(f"Sealed for the key {public.fingerprint}; whoever opens it must read: {SAMPLE}")
    typer.echo("SM2 encryption authenticates nobody: it keeps content secret and does not say who sent it.")
    for number, each in enumerate(sealed, start=1):
        typer.echo(f"\n{number}. {each['layout']}\n{each['sealed']}")


def _write_secret(path: Path, text: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be made ({error.strerror}); choose another --out") from error
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _read(path: Path) -> ReadKey:
    try:
        content = read_bounded(path, most=KEY_BYTES)
    except OSError as error:
        raise Misconfigured(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return read_key(key_text(content))
    except Misconfigured as error:
        raise Misconfigured(f"{path}: {error}") from error


def _check(path: Path) -> Checked:
    try:
        found = _read(path)
        fingerprint = _public(found).fingerprint
    except YibaoError as error:
        problem = str(error).removeprefix(f"{path}: ")
        return Checked(file=str(path), kind="", form="", fingerprint="", problem=problem, remark="")
    exposed = isinstance(found.key, PrivateKey) and path.stat().st_mode & 0o077
    remark = "others on this machine can read it: chmod 600" if exposed else ""
    return Checked(file=str(path), kind=_kind(found), form=found.form, fingerprint=fingerprint, problem="", remark=remark)


def _public(found: ReadKey) -> PublicKey:
    return found.key.public if isinstance(found.key, PrivateKey) else found.key


def _kind(found: ReadKey) -> str:
    return "private" if isinstance(found.key, PrivateKey) else "public"


def _print(values: dict[str, str], output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    width = max(map(len, values))
    for name, value in values.items():
        first, *more = value.splitlines()
        typer.echo(f"{name:<{width}}  {first}")
        for line in more:
            typer.echo(f"{'':<{width}}  {line}")
